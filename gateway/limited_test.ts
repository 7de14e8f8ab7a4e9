// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { fakeDate } from "../testing/fake_date.ts";
import { createTestGateway, type TestGateway } from "../testing/gateway.ts";

const noServices = () => new Response(null, { status: 500 });

async function ask({ app }: TestGateway, forwardedFor: string, peer = "127.0.0.1") {
  const headers = { "x-forwarded-for": forwardedFor };
  return await app.request("/api/limited", { headers }, { remoteAddress: peer });
}

Deno.test("/api/limited allows 2 requests in 10 s and says what is left", async () => {
  const gateway = createTestGateway(noServices);
  const { clock } = gateway.context;
  using _date = fakeDate(clock);
  const first = await ask(gateway, "192.0.2.1");
  assert.equal(first.status, 200);
  assert.equal(first.headers.get("ratelimit-policy"), '"default";q=2;w=10');
  assert.equal(first.headers.get("ratelimit"), '"default";r=1;t=10');
  assert.equal(first.headers.get("retry-after"), null);
  await clock.advance(3_500);
  assert.equal((await ask(gateway, "192.0.2.1")).headers.get("ratelimit"), '"default";r=0;t=7');
  const third = await ask(gateway, "192.0.2.1");
  assert.equal(third.status, 429);
  assert.equal(third.headers.get("content-type"), "application/problem+json");
  assert.equal(third.headers.get("ratelimit-policy"), '"default";q=2;w=10');
  assert.equal(third.headers.get("ratelimit"), '"default";r=0;t=7');
  assert.equal(third.headers.get("retry-after"), "7");
  await clock.advance(7_000);
  assert.equal((await ask(gateway, "192.0.2.1")).status, 200, "Retry-After keeps its word");
});

Deno.test("/api/limited counts the client, not what it writes into X-Forwarded-For", async () => {
  const gateway = createTestGateway(noServices);
  const statuses = [];
  for (const spoofed of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
    // The front appends the address that it saw.
    statuses.push((await ask(gateway, `${spoofed}, 192.0.2.1`)).status);
  }
  assert.deepEqual(statuses, [200, 200, 429]);
  const direct = [];
  for (const spoofed of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
    direct.push((await ask(gateway, spoofed, "203.0.113.9")).status);
  }
  assert.deepEqual(direct, [200, 200, 429], "no front of ours: only the connection counts");
  assert.equal((await ask(gateway, "192.0.2.2")).status, 200);
});

Deno.test("/api/limited takes a /64 for one client", async () => {
  const gateway = createTestGateway(noServices);
  const statuses = [];
  for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]) {
    statuses.push((await ask(gateway, address)).status);
  }
  assert.deepEqual(statuses, [200, 200, 429, 200]);
});
