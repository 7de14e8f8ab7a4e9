import assert from "node:assert/strict";
import { tries } from "./tries.ts";

Deno.test("tries() measures again until the assertions hold", async () => {
  let calls = 0;
  await tries(3, async () => assert.equal(++calls, await 2));
  assert.equal(calls, 2);
});

Deno.test("tries() fails with the last miss, and at once on any other error", async () => {
  let calls = 0;
  await assert.rejects(tries(3, async () => assert.equal(++calls, await 0)), /3 !== 0/);
  calls = 0;
  const broken = () => Promise.reject(new TypeError(`call ${++calls}`));
  await assert.rejects(tries(3, broken), /call 1/);
});
