/**
 * An upstream client for a test, before replicas that the test plays itself, on a clock of its own.
 *
 * @module
 */
import { createUpstream, type Upstream, type UpstreamOptions } from "../kit/upstream.ts";
import { RequestBody } from "../kit/upstream/request_body.ts";
import { FakeClock } from "./fake_clock.ts";
import { fakeSend, type FakeServer } from "./fake_send.ts";
import { seeded } from "./seeded.ts";

/** Answers 200. */
export function fine(): Response {
  return Response.json({ ok: true });
}
/** Answers 500. */
export function broken(): Response {
  return new Response("broken", { status: 500 });
}
/** Cannot be reached. */
export function refused(): Promise<never> {
  return Promise.reject(new TypeError("connection refused"));
}
/** Never answers. */
export function hung(): Promise<never> {
  return new Promise(() => {});
}

/** A {@linkcode createTestUpstream} result. */
export interface TestUpstream {
  upstream: Upstream;
  clock: FakeClock;
  /** Attempts that reached a replica, in order. */
  seen: { origin: string; method: string; headers: Headers }[];
  /** Sends a request and lets time pass until it is answered: a status, or the type of a problem. */
  ask(method?: string, body?: string): Promise<string | number>;
  /** Attempts that reached the replica of this name. */
  to(name: string): number;
  /** Makes these the replicas that are known. */
  setList(...names: string[]): void;
  setBehaviour(name: string, behaviour: FakeServer): void;
}

/**
 * An upstream whose replicas behave as told; what is random in it repeats itself.
 *
 * @param replicas behaviours by name
 */
export function createTestUpstream(
  replicas: Record<string, FakeServer>,
  options: Partial<UpstreamOptions> = {},
): TestUpstream {
  const clock = new FakeClock();
  const seen: TestUpstream["seen"] = [];
  let list = Object.keys(replicas).map((name) => `http://${name}`);
  const upstream = createUpstream({
    name: "users",
    endpoints: { current: () => list, [Symbol.dispose]() {} },
    clock,
    random: seeded(7),
    send: fakeSend((request) => {
      const { origin, hostname } = new URL(request.url);
      seen.push({ origin, method: request.method, headers: request.headers });
      return (replicas[hostname] ?? refused)(request);
    }),
    ...options,
  });
  async function ask(method = "GET", body?: string): Promise<string | number> {
    let result: string | number | undefined;
    const stream = body === undefined
      ? undefined
      : ReadableStream.from([new TextEncoder().encode(body)]);
    upstream.send({
      method,
      path: "/users",
      deadlineAtMs: clock.now() + 2_000,
      ...(stream ? { body: new RequestBody(stream, 1_000) } : {}),
    }).then((answer) => result = answer.status, (error) => result = error.type ?? String(error));
    await clock.advance(0);
    // deno-lint-ignore no-await-in-loop -- time passes step by step
    while (result === undefined) await clock.advance(5);
    return result;
  }
  return {
    upstream,
    clock,
    seen,
    ask,
    to: (name) => seen.filter(({ origin }) => origin === `http://${name}`).length,
    setList: (...names) => list = names.map((name) => `http://${name}`),
    setBehaviour: (name, behaviour) => replicas[name] = behaviour,
  };
}

/** Does `work` so often, one after the other. */
export async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  // deno-lint-ignore no-await-in-loop -- one after the other
  for (let i = 0; i < count; i++) results.push(await work());
  return results;
}
