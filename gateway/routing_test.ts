import assert from "node:assert/strict";
import { createTestGateway } from "../testing/gateway.ts";

/** A gateway before services that keep what they were asked. */
function setUp() {
  const seen: Request[] = [];
  const { app } = createTestGateway((request) => {
    seen.push(request);
    return Response.json({ ok: true });
  });
  return { app, seen };
}

for (
  const [method, path, url] of [
    ["GET", "/api/users", "http://users/users"],
    ["GET", "/api/users?limit=3&cursor=abc", "http://users/users?limit=3&cursor=abc"],
    ["GET", "/api/users/usr_1", "http://users/users/usr_1"],
    ["HEAD", "/api/users/usr_1", "http://users/users/usr_1"],
    ["GET", "/api/users/us%72_1", "http://users/users/usr_1"],
    ["GET", "/api/orders?user=u1", "http://orders/orders?user=u1"],
    ["POST", "/api/orders", "http://orders/orders"],
    ["GET", "/api/orders/ord_1", "http://orders/orders/ord_1"],
    ["POST", "/api/payments", "http://payments/payments"],
    ["GET", "/api/payments/pay_1", "http://payments/payments/pay_1"],
    // The query cannot become a path, a host or a fragment.
    ["GET", "/api/users?/../orders", "http://users/users?/../orders"],
    ["GET", "/api/users/usr_1?@evil/", "http://users/users/usr_1?@evil/"],
  ] as const
) {
  Deno.test(`gateway forwards ${method} ${path} to ${url}`, async () => {
    const { app, seen } = setUp();
    const body = method === "POST"
      ? { body: "{}", headers: { "content-type": "application/json" } }
      : {};
    const answer = await app.request(path, { method, ...body });
    assert.equal(answer.status, 200);
    assert.deepEqual(seen.map(({ method, url }) => [method, url]), [[method, url]]);
  });
}

for (
  const path of [
    "/api/users/..%2forders",
    "/api/users/%2e%2e%2forders",
    "/api/users/..%2F..%2Fpayments",
    "/api/users/%252e%252e%252forders",
    "/api/users/..%5corders",
    "/api/users/usr_1%3Fadmin=1",
    "/api/users/usr_1%23",
    "/api/users/usr_1%00",
    "/api/users/usr_1%0d%0ax:%20y",
    "/api/users/%ff",
    "/api/users/@evil.example",
    `/api/users/${"a".repeat(65)}`,
    "/api/orders/;jsessionid=1",
    "/api/payments/..%2fusers",
    "/api/users//orders",
    "/api/users/a/b",
    "/api/faults",
    "/faults",
    "/users",
  ]
) {
  Deno.test(`gateway answers 404 and asks no service for ${path.slice(0, 60)}`, async () => {
    const { app, seen } = setUp();
    const answer = await app.request(path);
    assert.equal(answer.status, 404);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.equal(seen.length, 0);
  });
}

for (const method of ["PUT", "PATCH", "DELETE", "POST"]) {
  Deno.test(`gateway answers 405 to ${method} /api/users, with what it allows`, async () => {
    const { app, seen } = setUp();
    const answer = await app.request("/api/users", { method });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("allow"), "GET, HEAD");
    assert.equal(seen.length, 0);
  });
}
