import { rejects, strictEqual, throws } from "node:assert/strict";
import { createTestGateway } from "../testing/gateway.ts";
import { gatewayConfigSchema } from "./config.ts";
import { allowOrigins } from "./cors.ts";

const services = () => Response.json({ items: [] });
const preflight = {
  method: "OPTIONS",
  headers: { origin: "https://app.example", "access-control-request-method": "POST" },
};

Deno.test("the gateway lets no other origin in unless one is configured", async () => {
  const { app } = createTestGateway(services);
  for (const path of ["/api/users", "/api/count", "/api/nothing"]) {
    const headers = { origin: "https://app.example" };
    for (const init of [{ headers }, preflight]) {
      // deno-lint-ignore no-await-in-loop -- no socket, nothing to wait for
      const answer = await app.request(path, init);
      strictEqual(
        [...answer.headers.keys()].some((name) => name.startsWith("access-control")),
        false,
      );
    }
  }
});

Deno.test("the gateway lets the configured origins in and nobody else", async () => {
  const env = { CORS_ORIGINS: "https://app.example,https://b.example:8443" };
  const { app } = createTestGateway(services, { env });
  const ask = (origin: string) => app.request("/api/count", { headers: { origin } });
  const allowed = "access-control-allow-origin";
  strictEqual((await ask("https://app.example")).headers.get(allowed), "https://app.example");
  strictEqual((await ask("https://b.example:8443")).headers.get(allowed), "https://b.example:8443");
  strictEqual((await ask("https://app.example.evil.example")).headers.get(allowed), null);
  strictEqual((await ask("null")).headers.get(allowed), null);
  const answer = await app.request("/api/orders", preflight);
  strictEqual(answer.status, 204);
  strictEqual(answer.headers.get("access-control-allow-methods"), "GET,HEAD,POST");
});

Deno.test("pages of a configured origin can read refusals", async () => {
  const asked = Promise.withResolvers<void>();
  const hung = Promise.withResolvers<Response>();
  const env = { CORS_ORIGINS: "https://app.example", MAX_IN_FLIGHT: "1" };
  const { app } = createTestGateway(() => (asked.resolve(), hung.promise), { env });
  const ask = () => app.request("/api/users", { headers: { origin: "https://app.example" } });
  const admitted = ask();
  await asked.promise;
  const { status, headers } = await ask();
  strictEqual(status, 503);
  strictEqual(headers.get("access-control-allow-origin"), "https://app.example");
  strictEqual(headers.get("x-instance-id"), "gateway-test");
  hung.resolve(services());
  strictEqual((await admitted).status, 200);
});

Deno.test("allowOrigins() leaves what is thrown behind it to whoever stands around it", async () => {
  const route = allowOrigins(() => {
    throw new RangeError("broken");
  }, ["https://app.example"]);
  const env = { peer: undefined, requestId: "r", path: "/api/users", unmatched: false };
  await rejects(async () => await route(new Request("http://gateway/api/users"), env), RangeError);
});

for (const value of ["*", "app.example", "https://app.example/path", "https://*.example"]) {
  Deno.test(`gatewayConfigSchema refuses CORS_ORIGINS=${value}`, () => {
    throws(() => gatewayConfigSchema.parse({ CORS_ORIGINS: value }));
  });
}
