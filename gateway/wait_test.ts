// deno-lint-ignore-file no-await-in-loop -- time moves step by step
import assert from "node:assert/strict";
import { createTestGateway } from "../testing/gateway.ts";

const noServices = () => new Response(null, { status: 500 });

Deno.test("/api/wait does K waits at a time with WAIT_LIMIT=K, the others in order of arrival", async () => {
  const { app, context: { clock } } = createTestGateway(noServices, { env: { WAIT_LIMIT: "2" } });
  const ended: number[] = [];
  const all = [1, 2, 3, 4, 5].map((n) =>
    Promise.resolve(app.request("/api/wait?ms=50")).then(() => ended.push(n))
  );
  await clock.advance(50);
  assert.deepEqual(ended, [1, 2]);
  await clock.advance(50);
  assert.deepEqual(ended, [1, 2, 3, 4]);
  await clock.advance(50);
  await Promise.all(all);
});

Deno.test("/api/wait refuses with 503 what would queue beyond 1,000", async () => {
  const { app, context: { clock } } = createTestGateway(noServices, { env: { WAIT_LIMIT: "1" } });
  const waiting = Array.from({ length: 1_001 }, () => app.request("/api/wait?ms=1"));
  const refused = await app.request("/api/wait?ms=1");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  for (let i = 0; i <= waiting.length; i++) await clock.advance(1);
  assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200));
});
