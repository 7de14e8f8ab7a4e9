import assert from "node:assert/strict";
import { createTestGateway } from "../testing/gateway.ts";

const fine = () => Response.json({});

/** The least of a few, so that a busy machine does not matter. */
async function leastMs(env: Record<string, string>, path: string): Promise<number> {
  const { app } = createTestGateway(fine, { env });
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const startMs = performance.now();
    // deno-lint-ignore no-await-in-loop -- one after the other
    await app.request(path);
    times.push(performance.now() - startMs);
  }
  return Math.min(...times);
}

Deno.test("HANDICAP_US burns its time for each request under /api, and for nothing else", async () => {
  const handicap = { HANDICAP_US: "30000" };
  assert.ok(await leastMs(handicap, "/api/users/usr_1") >= 30);
  assert.ok(await leastMs(handicap, "/api/count") >= 30);
  assert.ok(await leastMs(handicap, "/readyz") < 30);
  assert.ok(await leastMs(handicap, "/api/metrics") < 30);
  assert.ok(await leastMs({}, "/api/users/usr_1") < 30);
});
