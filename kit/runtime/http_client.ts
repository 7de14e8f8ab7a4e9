/**
 * How a request travels to a replica.
 *
 * On Deno a GET or HEAD over plain HTTP, which is most of what a gateway forwards, goes its own way (http1/): it takes half
 * the CPU of `fetch`, which was most of what a hop costs (docs/decisions.md). Everything else goes through `fetch`, which
 * streams a body and sends it once.
 *
 * @module
 */
import type { HttpRequest, HttpSend } from "../upstream/request.ts";
import { type Clock, systemClock } from "../clock.ts";
import { ConnectionPool } from "./http1/connection_pool.ts";
import { requestHead } from "./http1/request_head.ts";
import { runtime } from "./serve.ts";

/** Sends requests, on connections of its own that are kept alive. */
export interface HttpClient extends Disposable {
  send: HttpSend;
}

/** Options of {@linkcode createHttpClient}. */
export interface HttpClientOptions {
  /**
   * Whether GETs and HEADs go their own way where they can.
   *
   * @default true
   */
  direct?: boolean;
  /**
   * An answer to a GET that says to have at most so many bytes is read whole before it is given: that costs less than a
   * stream, and one that breaks off is no answer.
   *
   * @default 65_536
   */
  maxWholeBytes?: number;
  /** @default systemClock */
  clock?: Clock;
}

const SCHEME = "http://";

/** Makes an {@linkcode HttpClient}. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { maxWholeBytes = 65_536, direct = true, clock = systemClock } = options;
  const pools = new Map<string, ConnectionPool>();

  function createPool(origin: string): ConnectionPool {
    const { hostname, port } = new URL(origin);
    const address = { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 80) };
    const pool = new ConnectionPool(address, { clock, onEmpty: () => pools.delete(origin) });
    pools.set(origin, pool);
    return pool;
  }

  function sendDirectly(url: string, method: "GET" | "HEAD", request: HttpRequest) {
    const { headers: fields = {}, signal, streamed = false } = request;
    const pathStart = url.indexOf("/", SCHEME.length);
    const origin = url.slice(0, pathStart);
    const host = origin.slice(SCHEME.length);
    const head = requestHead({ method, path: url.slice(pathStart), host, fields });
    const pool = pools.get(origin) ?? createPool(origin);
    return pool.send({ method, head, maxWholeBytes, signal, streamed });
  }

  return {
    async send(url, request = {}) {
      const { method = "GET" } = request;
      if (
        direct && runtime === "deno" && (method === "GET" || method === "HEAD") &&
        url.startsWith(SCHEME)
      ) return await sendDirectly(url, method, request);
      return await viaFetch(url, request);
    },
    [Symbol.dispose]() {
      for (const pool of [...pools.values()]) pool.close();
    },
  };
}

async function fetchUntil(url: string, request: HttpRequest): Promise<Response> {
  const { signal, streamed, ...rest } = request;
  const init: RequestInit & { duplex: "half" } = { ...rest, redirect: "manual", duplex: "half" };
  if (!signal) return await fetch(url, init);
  if (!streamed) return await fetch(url, { ...init, signal });
  // `fetch` knows no signal that counts until the header is there.
  signal.throwIfAborted();
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await fetch(url, { ...init, signal: own.signal });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function viaFetch(url: string, request: HttpRequest): Promise<Response> {
  const { body, status, headers: received } = await fetchUntil(url, request);
  if (status > 599) {
    await body?.cancel();
    throw new Error(
      `Cannot pass on the answer: its status must be at most 599, received "${status}"`,
    );
  }
  const headers = new Headers(received);
  if (headers.has("content-encoding")) {
    // It was asked for none, and fetch has decompressed it.
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  return new Response(body, { status, headers });
}
