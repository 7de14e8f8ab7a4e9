import assert from "node:assert/strict";
import type { FakeServer } from "../../testing/fake_fetch.ts";
import { createTestUpstream, fine, times } from "../../testing/upstream.ts";
import { RequestBody } from "./request_body.ts";

Deno.test("upstream tells the service what is left of the deadline", async () => {
  const { upstream, clock, seen } = createTestUpstream({ a: fine });
  await clock.advance(100);
  await upstream.send({ method: "GET", path: "/users", deadlineAtMs: 1_234.5 });
  assert.equal(seen[0]?.headers.get("x-deadline-ms"), "1134");
  assert.equal(seen[0]?.headers.get("accept-encoding"), "identity");
});

Deno.test("upstream cancels what is late, once it knows that the replica can be late", async () => {
  const signals: (AbortSignal | null | undefined)[] = [];
  let cancelled = 0;
  const answers: ((answer: Response) => void)[] = [];
  const { upstream, clock } = createTestUpstream({ a: fine }, {
    layersOff: ["retry"],
    fetch: ((_url: string, init: RequestInit) => {
      signals.push(init.signal);
      return new Promise<Response>((resolve, reject) => {
        answers.push(resolve);
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      });
    }) as typeof fetch,
  });
  const body = () => new ReadableStream({ cancel: () => void cancelled++ });
  async function late(streamed: boolean, method = "GET") {
    const answer = upstream.send({ method, path: "/", deadlineAtMs: clock.now() + 100, streamed });
    const rejected = assert.rejects(answer, { type: "gateway-timeout" });
    await clock.advance(120);
    await rejected;
  }
  await late(true); // left behind
  await late(true); // cancelled
  assert.deepEqual(signals.map((signal) => signal?.aborted), [undefined, true]);
  answers[0]?.(new Response(body()));
  await clock.advance(0);
  assert.equal(cancelled, 1, "its answer is let go of when it comes after all");

  const good = upstream.send({ method: "GET", path: "/", deadlineAtMs: 1e6, streamed: true });
  answers.at(-1)?.(new Response());
  await good;
  for (const [streamed, method] of [[true, "GET"], [false, "GET"], [true, "POST"]] as const) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await late(streamed, method);
    const again = upstream.send({ method: "GET", path: "/", deadlineAtMs: 1e6, streamed: true });
    answers.at(-1)?.(new Response());
    // deno-lint-ignore no-await-in-loop -- one after the other
    await again;
  }
  assert.deepEqual(signals.map((signal) => signal?.aborted), [
    ...[undefined, true, false],
    ...[undefined, false, true, false, true, false],
  ]);
});

Deno.test("upstream takes an answer whose status HTTP does not know for none", async () => {
  const { ask, upstream } = createTestUpstream({
    a: () => ({ status: 999, body: null }) as Response,
  }, {
    layersOff: ["retry"],
  });
  assert.equal(await ask(), "bad-gateway");
  await times(19, ask);
  assert.equal(upstream.snapshot().breaker.kind, "open");
});

Deno.test("upstream takes an answer that breaks off for a failure, where it is read whole", async () => {
  const cut: FakeServer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(1));
          controller.error(new TypeError("connection reset"));
        },
      }),
    );
  const { ask, upstream, to } = createTestUpstream({ a: cut, b: fine });
  assert.deepEqual(new Set(await times(20, ask)), new Set([200]));
  assert.ok(to("a") > 0 && upstream.snapshot().retries === to("a"), "asked elsewhere instead");

  const { upstream: alone } = createTestUpstream({ a: cut }, { layersOff: ["retry"] });
  const send = (streamed: boolean) =>
    alone.send({ method: "GET", path: "/", deadlineAtMs: 1_000, streamed });
  await assert.rejects(send(false), { type: "bad-gateway" });
  const passedOn = await send(true);
  await assert.rejects(passedOn.text(), { message: "connection reset" });
});

Deno.test("upstream does not blame the service for a client who sends too slowly, or too much", async () => {
  const { upstream, clock } = createTestUpstream({
    a: async (request) => (await request.text(), fine()),
  });
  for (let i = 0; i < 30; i++) {
    const slow = new RequestBody(new ReadableStream(), 1_000);
    const pending = upstream.send({
      method: "POST",
      path: "/users",
      body: slow,
      deadlineAtMs: clock.now() + 100,
    });
    const large = new RequestBody(ReadableStream.from([new Uint8Array(1_001)]), 1_000);
    const tooLarge = upstream.send({
      method: "POST",
      path: "/users",
      body: large,
      deadlineAtMs: clock.now() + 100,
    });
    const ends = Promise.allSettled([pending, tooLarge]);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await clock.advance(200);
    // deno-lint-ignore no-await-in-loop -- one after the other
    const types = (await ends).map((end) => end.status === "rejected" && end.reason.type);
    assert.deepEqual(types, ["bad-request", "payload-too-large"]);
  }
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});
