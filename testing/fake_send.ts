/**
 * Servers without a network.
 *
 * @module
 */
import type { HttpSend } from "../kit/upstream/request.ts";

/** Answers a request, or rejects when nobody is there. */
export type FakeServer = (request: Request) => Response | Promise<Response>;

/** Sends to `server`, and gives up when the signal says so. */
export function fakeSend(server: FakeServer): HttpSend {
  return async (url, { streamed: _, ...sent } = {}) => {
    const init: RequestInit & { duplex: "half" } = { ...sent, duplex: "half" };
    const request = new Request(url, init);
    const aborted = new Promise<never>((_, reject) => {
      sent.signal?.addEventListener("abort", () => reject(sent.signal?.reason), { once: true });
    });
    return await Promise.race([server(request), aborted]);
  };
}
