/**
 * `fetch` without a network.
 *
 * @module
 */

/** Answers a request, or rejects as `fetch` does when nobody is there. */
export type FakeServer = (request: Request) => Response | Promise<Response>;

/** A `fetch` that asks `server`, and gives up when its signal says so. */
export function fakeFetch(server: FakeServer): typeof fetch {
  return (async (input: string, init: RequestInit) => {
    const request = new Request(input, init);
    const aborted = new Promise<never>((_, reject) => {
      init.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true });
    });
    return await Promise.race([server(request), aborted]);
  }) as typeof fetch;
}
