import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { createLogger, LineBuffer, type LogOutput } from "./log.ts";

function createOutput(): LogOutput & { texts: string[]; pendingBytes: number } {
  const texts: string[] = [];
  return {
    texts,
    pendingBytes: 0,
    write: (text) => void texts.push(text),
    drained: () => Promise.resolve(),
  };
}

function parse(texts: string[]): Record<string, unknown>[] {
  return texts.join("").trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("LineBuffer.push() writes many lines at once after flushAfterMs", async () => {
  const clock = new FakeClock();
  const output = createOutput();
  const buffer = new LineBuffer({ clock, output, flushAfterMs: 100 });
  buffer.push("a");
  await clock.advance(60);
  buffer.push("b");
  assert.deepEqual(output.texts, []);
  await clock.advance(40);
  assert.deepEqual(output.texts, ["a\nb\n"]);
  assert.equal(clock.sleeping, 0, "an idle buffer keeps no timer");
  buffer.push("c");
  await clock.advance(100);
  assert.deepEqual(output.texts, ["a\nb\n", "c\n"]);
});

Deno.test("LineBuffer.push() writes at once when flushAtLength is reached", () => {
  const output = createOutput();
  const buffer = new LineBuffer({ clock: new FakeClock(), output, flushAtLength: 10 });
  buffer.push("12345");
  assert.deepEqual(output.texts, []);
  buffer.push("678");
  assert.deepEqual(output.texts, ["12345\n678\n"]);
});

Deno.test("LineBuffer.push() drops and counts lines while nobody reads", () => {
  const output = createOutput();
  const buffer = new LineBuffer({ clock: new FakeClock(), output, maxPendingBytes: 100 });
  output.pendingBytes = 101;
  buffer.push("a");
  buffer.push("b");
  buffer.flush();
  assert.deepEqual(output.texts, []);
  assert.equal(buffer.dropped, 2);
  output.pendingBytes = 100;
  buffer.push("c");
  buffer.flush();
  assert.deepEqual(output.texts, ["c\n"]);
});

Deno.test("LineBuffer.write() keeps the order of lines", () => {
  const output = createOutput();
  const buffer = new LineBuffer({ clock: new FakeClock(), output });
  buffer.push("first");
  buffer.write("second");
  assert.equal(output.texts.join(""), "first\nsecond\n");
});

Deno.test("LineBuffer.close() writes the rest and waits for it to leave, but not forever", async () => {
  const clock = new FakeClock();
  const output = createOutput();
  const left = Promise.withResolvers<void>();
  output.drained = () => left.promise;
  const buffer = new LineBuffer({ clock, output });
  buffer.push("a");
  let closed = 0;
  buffer.close().then(() => closed++);
  await clock.advance(499);
  assert.deepEqual([output.texts, closed], [["a\n"], 0]);
  await clock.advance(1);
  assert.equal(closed, 1);
  buffer.close().then(() => closed++);
  left.resolve();
  await clock.advance(0);
  assert.equal(closed, 2);
  await clock.advance(100); // the timer that the first line set
  assert.equal(clock.sleeping, 0);
});

Deno.test("createLogger() writes one JSON object a line", () => {
  const clock = new FakeClock();
  const output = createOutput();
  const log = createLogger({
    instance: "users-1",
    clock,
    buffer: new LineBuffer({ clock, output }),
  });
  log.info("listening", { port: 80, text: "two\nlines" });
  assert.equal(output.texts.length, 1);
  assert.equal(output.texts[0]?.trimEnd().includes("\n"), false);
  assert.deepEqual(parse(output.texts), [{
    time: "2026-01-01T00:00:00.000Z",
    level: "info",
    msg: "listening",
    instance: "users-1",
    port: 80,
    text: "two\nlines",
  }]);
});

Deno.test("createLogger() leaves out what is below its level", () => {
  const clock = new FakeClock();
  const output = createOutput();
  const buffer = new LineBuffer({ clock, output });
  const log = createLogger({ instance: "a", level: "warn", buffer, clock });
  log.debug("no");
  log.info("no");
  log.warn("yes");
  log.error("yes");
  assert.deepEqual(parse(output.texts).map(({ level }) => level), ["warn", "error"]);
});

Deno.test("createLogger() writes errors with their causes but not their other members", () => {
  const clock = new FakeClock();
  const output = createOutput();
  const log = createLogger({ instance: "a", clock, buffer: new LineBuffer({ clock, output }) });
  const cause = Object.assign(new TypeError("refused"), { code: "ECONNREFUSED", password: "p4ss" });
  log.error("failed", { error: new Error("outer", { cause }) });
  const [entry] = parse(output.texts);
  const { error } = entry as { error: { message: string; cause: Record<string, unknown> } };
  assert.equal(error.message, "outer");
  assert.equal(error.cause.message, "refused");
  assert.equal(error.cause.code, "ECONNREFUSED");
  assert.equal(output.texts.join("").includes("p4ss"), false);
});

Deno.test("createLogger() never throws", () => {
  const clock = new FakeClock();
  const output = createOutput();
  const log = createLogger({ instance: "a", clock, buffer: new LineBuffer({ clock, output }) });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const loop = new Error("loop");
  loop.cause = loop;
  log.info("circular", circular);
  log.info("big", { n: 1n });
  log.info("loop", { loop });
  const hostile = { toJSON: () => assert.fail("no") };
  log.info("hostile", { hostile });
  assert.deepEqual(parse(output.texts).map(({ msg }) => msg), [
    "circular",
    "big",
    "loop",
    "hostile",
  ]);
});
