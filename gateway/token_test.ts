// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { createTestGateway } from "../testing/gateway.ts";

const password = "correct horse";
const jwtSecret = "0123456789abcdef0123456789abcdef";
const users = () => Response.json({ id: "usr_1" });
const env = { DEMO_PASSWORD: password };

function getToken(app: ReturnType<typeof createTestGateway>["app"], body: unknown) {
  return app.request("/api/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

Deno.test("POST /api/token gives a token that every replica accepts at /api/secure", async () => {
  const here = createTestGateway(users, { env, jwtSecret });
  const there = createTestGateway(users, { env, jwtSecret });
  const answer = await getToken(here.app, { user: "usr_1", password });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const { token, ...rest } = await answer.json();
  assert.deepEqual(rest, {
    tokenType: "Bearer",
    expiresInSeconds: 900,
    expiresAt: "2026-01-01T00:15:00.000Z",
    instance: "gateway-test",
  });
  const headers = { authorization: `Bearer ${token}` };
  const secure = await there.app.request("/api/secure", { headers });
  assert.equal(secure.headers.get("cache-control"), "no-store");
  assert.deepEqual(await secure.json(), {
    user: "usr_1",
    expiresAt: "2026-01-01T00:15:00.000Z",
    instance: "gateway-test",
  });
  await there.context.clock.advance(900_000);
  assert.equal((await there.app.request("/api/secure", { headers })).status, 401);
});

Deno.test("GET /api/secure answers 401 and says how to authenticate", async () => {
  const { app } = createTestGateway(users, { env, jwtSecret });
  const bare = await app.request("/api/secure");
  assert.equal(bare.status, 401);
  assert.equal(bare.headers.get("www-authenticate"), 'Bearer realm="gateway"');
  for (const authorization of ["Bearer", "Bearer x", "Basic dXNyOng=", "Bearer a.b.c d", "x"]) {
    const answer = await app.request("/api/secure", { headers: { authorization } });
    assert.equal(answer.status, 401, authorization);
    assert.equal(
      answer.headers.get("www-authenticate"),
      'Bearer realm="gateway", error="invalid_token"',
    );
  }
});

Deno.test("POST /api/token gives none for wrong credentials", async () => {
  const { app } = createTestGateway(users, { env, jwtSecret });
  assert.equal((await getToken(app, { user: "usr_1", password: "wrong" })).status, 401);
  assert.equal((await getToken(app, { user: "usr_1" })).status, 422);
});

Deno.test("tokens answer 503 while there is no secret", async () => {
  const { app } = createTestGateway(users, { env });
  const answers = [
    await getToken(app, { user: "usr_1", password }),
    await app.request("/api/secure"),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 503);
    assert.match((await answer.json()).detail, /JWT_SECRET_FILE/);
  }
});
