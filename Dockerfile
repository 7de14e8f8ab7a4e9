# The gateway and the three services are one image; the command says which of them a container is.
#
#   docker build --target deno .     Deno, no shell in the image
#   docker build --target node .     the same files on Node, unbuilt
#
# Both start offline: packages are installed and modules transpiled here. The arguments are those of
# kit/runtime/command.ts, which says what they are for.

FROM denoland/deno:distroless-2.9.6 AS packages
WORKDIR /app
ENV DENO_DIR=/deno-dir
COPY deno.json deno.lock package.json ./
COPY kit kit
COPY gateway gateway
COPY services services
RUN ["/bin/deno", "install", "--frozen", "--entrypoint", "gateway/main.ts", "services/users/main.ts", "services/orders/main.ts", "services/payments/main.ts", "kit/runtime/health_probe.ts"]

FROM node:24.21.0-bookworm-slim AS node
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 MALLOC_ARENA_MAX=1
COPY --from=packages /app /app
USER 65532:65532
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=3s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "kit/runtime/health_probe.ts", "http://127.0.0.1:3000/readyz"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--expose-gc", "--max-semi-space-size=16", "--heap-growing-percent=30", "--no-allocation-site-pretenuring"]
CMD ["gateway/main.ts"]

FROM denoland/deno:distroless-2.9.6 AS deno
WORKDIR /app
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1 HOST=0.0.0.0 PORT=3000
COPY --from=packages /deno-dir /deno-dir
COPY --from=packages /app /app
USER 65532:65532
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=3s --timeout=5s --start-period=20s --retries=3 \
  CMD ["/bin/deno", "run", "--quiet", "--no-prompt", "--cached-only", "--allow-net=127.0.0.1", "kit/runtime/health_probe.ts", "http://127.0.0.1:3000/readyz"]
ENTRYPOINT ["/bin/deno", "run", "--quiet", "--no-prompt", "--cached-only", "--v8-flags=--expose-gc,--max-semi-space-size=16,--heap-growing-percent=30,--no-allocation-site-pretenuring", "--allow-net", "--allow-env", "--allow-sys=setPriority", "--allow-read=/app,/run/secrets,/run/stack"]
CMD ["gateway/main.ts"]
