import assert from "node:assert/strict";
import { createInstanceApp } from "./instance_app.ts";
import { DEADLINE_HEADER, honourDeadline, remainingMs, requireTime } from "./deadline.ts";
import { createTestContext } from "../testing/instance_context.ts";

function setUp() {
  const context = createTestContext("users");
  const { clock } = context;
  let worked = 0;
  const app = createInstanceApp(context, (app) => {
    app.use(honourDeadline(clock));
    app.get("/work", async (c) => {
      await clock.sleep(Number(c.req.query("ms") ?? 0));
      requireTime(c, clock);
      worked++;
      return c.text(String(remainingMs(c, clock)));
    });
  });
  return {
    clock,
    get: (ms: number, deadline?: string) =>
      app.request(`/work?ms=${ms}`, {
        headers: deadline === undefined ? {} : { [DEADLINE_HEADER]: deadline },
      }),
    worked: () => worked,
  };
}

Deno.test("honourDeadline() answers 504 at once when the deadline has passed", async () => {
  const { get, worked } = setUp();
  for (const deadline of ["0", "-5", "-0.5"]) {
    // deno-lint-ignore no-await-in-loop -- table
    const response = await get(0, deadline);
    assert.equal(response.status, 504);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
  }
  assert.equal(worked(), 0);
});

Deno.test("requireTime() refuses to start what the caller no longer waits for", async () => {
  const { clock, get, worked } = setUp();
  const early = get(10, "20.5");
  const late = get(30, "20.5");
  await clock.advance(10);
  assert.equal(await (await early).text(), "10.5");
  await clock.advance(20);
  assert.equal((await late).status, 504);
  assert.equal(worked(), 1);
});

Deno.test("honourDeadline() does not mind a missing or senseless header", async () => {
  const { clock, get } = setUp();
  for (const deadline of [undefined, "soon", "1e3", "", "9".repeat(30)]) {
    const answer = get(0, deadline);
    // deno-lint-ignore no-await-in-loop -- table
    await clock.advance(0);
    // deno-lint-ignore no-await-in-loop -- table
    assert.equal(await (await answer).text(), "Infinity");
  }
});
