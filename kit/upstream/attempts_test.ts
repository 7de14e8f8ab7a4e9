import assert from "node:assert/strict";
import type { FakeServer } from "../../testing/fake_send.ts";
import { createTestUpstream, fine, times } from "../../testing/upstream.ts";
import { RequestBody } from "./request_body.ts";

Deno.test("upstream tells the service what is left of the deadline", async () => {
  const { upstream, clock, seen } = createTestUpstream({ a: fine });
  await clock.advance(100);
  await upstream.send({ method: "GET", path: "/users", deadlineAtMs: 1_234.5 });
  assert.equal(seen[0]?.headers.get("x-deadline-ms"), "1134");
  assert.equal(seen[0]?.headers.get("accept-encoding"), "identity");
});

Deno.test("upstream cancels what is late, whatever it is", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const { upstream, clock } = createTestUpstream({ a: fine }, {
    layersOff: ["retry"],
    send: (_url, { signal } = {}) => {
      signals.push(signal);
      return new Promise<Response>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    },
  });
  for (const [streamed, method] of [[true, "GET"], [false, "GET"], [true, "POST"]] as const) {
    const answer = upstream.send({ method, path: "/", deadlineAtMs: clock.now() + 100, streamed });
    const rejected = assert.rejects(answer, { type: "gateway-timeout" });
    // deno-lint-ignore no-await-in-loop -- one after the other
    await clock.advance(120);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await rejected;
  }
  assert.deepEqual(signals.map((signal) => signal?.aborted), [true, true, true]);
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
