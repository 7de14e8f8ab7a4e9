import assert from "node:assert/strict";
import { checkContentLength, RequestBody } from "./request_body.ts";

const bytes = (count: number) => new Uint8Array(count);

Deno.test("RequestBody passes a body of exactly the limit", async () => {
  const body = new RequestBody(ReadableStream.from([bytes(600), bytes(400)]), 1_000);
  assert.equal((await new Response(body.stream).bytes()).byteLength, 1_000);
  assert.equal(body.state, "complete");
  assert.equal(body.clientFailure(new Error("refused"), true), undefined);
});

Deno.test("RequestBody cuts a body off that grows past the limit, and stops reading it", async () => {
  let pieces = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytes(++pieces && 100)),
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  const body = new RequestBody(endless, 1_000);
  await assert.rejects(new Response(body.stream).bytes(), { type: "payload-too-large" });
  assert.equal(pieces, 11);
  assert.equal(cancelled, true);
  // fetch wraps what the stream threw
  assert.equal(body.clientFailure(new TypeError("fetch failed"), false)?.status, 413);
});

Deno.test("RequestBody blames the client who breaks off", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("connection reset")),
  });
  const body = new RequestBody(broken, 1_000);
  await assert.rejects(new Response(body.stream).bytes(), { message: "connection reset" });
  assert.equal(body.state, "broken");
  assert.equal(body.clientFailure(new Error(), false)?.status, 400);
});

Deno.test("RequestBody blames the client for a deadline only while it owes the next piece", async () => {
  let client!: ReadableStreamDefaultController<Uint8Array>;
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => void (client = controller),
  });
  const body = new RequestBody(source, 1_000);
  assert.equal(body.clientFailure(new Error(), true), undefined, "the service reads nothing");

  const reader = body.stream.getReader();
  const first = reader.read();
  await Promise.resolve();
  assert.equal(body.state, "waiting-for-client");
  assert.equal(body.clientFailure(new Error(), true)?.status, 400);
  assert.equal(body.clientFailure(new Error("refused"), false), undefined, "the service is down");

  client.enqueue(bytes(3));
  await first;
  assert.equal(body.state, "flowing");
  assert.equal(body.clientFailure(new Error(), true), undefined);
});

Deno.test("RequestBody tells the client when the service wants no more", async () => {
  let reason: unknown;
  const source = new ReadableStream<Uint8Array>({ cancel: (why) => void (reason = why) });
  await new RequestBody(source, 10).stream.cancel("enough");
  assert.equal(reason, "enough");
});

Deno.test("checkContentLength() refuses by the declared length", () => {
  for (const length of ["1001", "99999999999999999999999", "1e9"]) {
    assert.throws(() => checkContentLength(length, 1_000), {
      type: "payload-too-large",
    });
  }
  checkContentLength("1000", 1_000);
  checkContentLength(undefined, 1_000);
});
