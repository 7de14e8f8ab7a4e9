import assert from "node:assert/strict";
import { beat, BLOCKED_AFTER_MS, createHeartbeatBuffer, readHeartbeat } from "./heartbeat.ts";

const NOW = Date.UTC(2026, 10, 23);

Deno.test("readHeartbeat() says starting before the first beat", () => {
  assert.equal(readHeartbeat(createHeartbeatBuffer(), NOW), "starting");
});

Deno.test("readHeartbeat() tells each state", () => {
  const buffer = createHeartbeatBuffer();
  for (const state of ["starting", "ready", "draining", "closed"] as const) {
    beat(buffer, state, NOW);
    assert.equal(readHeartbeat(buffer, NOW), state);
  }
});

Deno.test("readHeartbeat() says blocked when a ready loop has not beaten for longer than the limit", () => {
  const buffer = createHeartbeatBuffer();
  beat(buffer, "ready", NOW);
  assert.equal(readHeartbeat(buffer, NOW + BLOCKED_AFTER_MS), "ready");
  assert.equal(readHeartbeat(buffer, NOW + BLOCKED_AFTER_MS + 1), "blocked");
  beat(buffer, "ready", NOW + 3_000);
  assert.equal(readHeartbeat(buffer, NOW + 3_000), "ready");
});

Deno.test("readHeartbeat() says draining even of a loop that is blocked", () => {
  const buffer = createHeartbeatBuffer();
  beat(buffer, "draining", NOW);
  assert.equal(readHeartbeat(buffer, NOW + 10_000), "draining");
});

Deno.test("readHeartbeat() is not fooled when the 32 bits of time wrap around", () => {
  const buffer = createHeartbeatBuffer();
  const wrap = Math.ceil(NOW / 2 ** 32) * 2 ** 32;
  for (const edge of [wrap, wrap + 2 ** 31]) {
    beat(buffer, "ready", edge - 1);
    assert.equal(readHeartbeat(buffer, edge), "ready");
    assert.equal(readHeartbeat(buffer, edge + BLOCKED_AFTER_MS), "blocked");
  }
});

Deno.test("readHeartbeat() takes a clock that was set back for no block", () => {
  const buffer = createHeartbeatBuffer();
  beat(buffer, "ready", NOW);
  assert.equal(readHeartbeat(buffer, NOW - 3_600_000), "ready");
});
