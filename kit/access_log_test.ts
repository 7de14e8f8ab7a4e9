import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { createAccessLog } from "./access_log.ts";
import { LineBuffer } from "./log.ts";

function setUp() {
  const clock = new FakeClock();
  const texts: string[] = [];
  const output = {
    write: (text: string) => void texts.push(text),
    pendingBytes: 0,
    drained: () => Promise.resolve(),
  };
  const buffer = new LineBuffer({ clock, output });
  const logAccess = createAccessLog({ instance: 'g"1', buffer, clock });
  const lines = () => {
    buffer.flush();
    return texts.join("").trimEnd().split("\n").map((line) => JSON.parse(line));
  };
  return { clock, logAccess, lines };
}

Deno.test("createAccessLog() writes one JSON object a request", () => {
  const { logAccess, lines } = setUp();
  logAccess("GET", "/users/1", "/users/:id", 200, 1.23456, "request-1");
  assert.deepEqual(lines(), [{
    time: "2026-01-01T00:00:00.000Z",
    level: "info",
    msg: "request",
    instance: 'g"1',
    method: "GET",
    path: "/users/1",
    route: "/users/:id",
    status: 200,
    durationMs: 1.235,
    requestId: "request-1",
  }]);
});

Deno.test("createAccessLog() cannot be made to forge or bloat lines", () => {
  const { logAccess, lines } = setUp();
  logAccess('A"B', '/x"\n{"level":"error"}' + "y".repeat(10_000), "unmatched", 404, 0, "request-1");
  const all = lines();
  assert.equal(all.length, 1);
  assert.equal(all[0].path.length, 256);
  assert.equal(all[0].method, 'A"B');
});

Deno.test("createAccessLog() tells the time of each request", async () => {
  const { clock, logAccess, lines } = setUp();
  for (const ms of [0, 7, 992, 1, 60_000]) {
    // deno-lint-ignore no-await-in-loop -- time moves step by step
    await clock.advance(ms);
    logAccess("GET", "/", "/", 200, 0, "request-1");
  }
  assert.deepEqual(lines().map(({ time }) => time), [
    "2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.007Z",
    "2026-01-01T00:00:00.999Z",
    "2026-01-01T00:00:01.000Z",
    "2026-01-01T00:01:01.000Z",
  ]);
});
