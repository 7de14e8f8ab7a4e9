// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { MemorySessionStore } from "../kit/store/session_store.ts";
import {
  createTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from "../testing/gateway.ts";

const password = "correct horse";

/** The users service: knows `usr_1` and `usr_2`. */
function users(request: Request): Response {
  const id = new URL(request.url).pathname.split("/")[2] ?? "";
  if (id === "usr_1" || id === "usr_2") return Response.json({ id, name: "A" });
  return Response.json({ status: 404 }, { status: 404 });
}

function createGateway(options: TestGatewayOptions = {}): TestGateway {
  return createTestGateway(users, { env: { DEMO_PASSWORD: password }, ...options });
}

interface Sent {
  cookie?: string | undefined;
  headers?: Record<string, string>;
  body?: unknown;
}

function send({ app }: TestGateway, path: string, sent: Sent = {}): Promise<Response> {
  const { cookie, headers, body } = sent;
  return Promise.resolve(app.request(path, {
    method: path === "/api/session" ? "GET" : "POST",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(cookie === undefined ? {} : { cookie }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }, { remoteAddress: "127.0.0.1" }));
}

async function login(gateway: TestGateway, sent: Sent = {}): Promise<string> {
  const answer = await send(gateway, "/api/login", { body: { user: "usr_1", password }, ...sent });
  assert.equal(answer.status, 200);
  return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
}

async function sessionStatus(gateway: TestGateway, cookie?: string): Promise<number> {
  return (await send(gateway, "/api/session", { cookie })).status;
}

Deno.test("POST /api/login starts a session, GET /api/session tells of it", async () => {
  const gateway = createGateway();
  const answer = await send(gateway, "/api/login", { body: { user: "usr_1", password } });
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const body = await answer.json();
  assert.deepEqual(body, {
    user: "usr_1",
    createdAt: "2026-01-01T00:00:00.000Z",
    idleUntil: "2026-01-01T00:30:00.000Z",
    expiresAt: "2026-01-01T12:00:00.000Z",
    instance: "gateway-test",
  });
  const cookie = answer.headers.get("set-cookie")?.split(";")[0];
  const session = await send(gateway, "/api/session", { cookie });
  assert.deepEqual(await session.json(), body);
  assert.equal(session.headers.get("cache-control"), "no-store");
});

Deno.test("POST /api/login sets a cookie that scripts and other sites cannot use", async () => {
  const gateway = createGateway();
  const plain = await send(gateway, "/api/login", { body: { user: "usr_1", password } });
  assert.match(
    plain.headers.get("set-cookie") ?? "",
    /^session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  const tls = await send(gateway, "/api/login", {
    body: { user: "usr_1", password },
    headers: { "x-forwarded-proto": "https" },
  });
  assert.match(
    tls.headers.get("set-cookie") ?? "",
    /^__Host-session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
});

Deno.test("X-Forwarded-Proto of a stranger does not decide about the cookie", async () => {
  const { app } = createGateway();
  const answer = await app.request("/api/login", {
    method: "POST",
    headers: { "content-type": "application/json", "x-forwarded-proto": "https" },
    body: JSON.stringify({ user: "usr_1", password }),
  }, { remoteAddress: "203.0.113.9" });
  assert.match(answer.headers.get("set-cookie") ?? "", /^session=/);
});

Deno.test("behind TLS only the cookie that is bound to the host counts", async () => {
  const gateway = createGateway();
  const headers = { "x-forwarded-proto": "https" };
  const cookie = await login(gateway, { headers });
  assert.equal((await send(gateway, "/api/session", { cookie, headers })).status, 200);
  const loose = cookie.replace("__Host-", "");
  assert.equal((await send(gateway, "/api/session", { cookie: loose, headers })).status, 401);
});

Deno.test("POST /api/login gives a new token each time and ends the session it replaces", async () => {
  const gateway = createGateway();
  const planted = `session=${"A".repeat(43)}`; // session fixation
  const first = await login(gateway, { cookie: planted });
  assert.notEqual(first, planted);
  assert.equal(await sessionStatus(gateway, planted), 401);
  const second = await login(gateway, { cookie: first });
  assert.notEqual(second, first);
  assert.equal(await sessionStatus(gateway, first), 401);
  assert.equal(await sessionStatus(gateway, second), 200);
});

Deno.test("GET /api/session answers 401 without a valid cookie", async () => {
  const gateway = createGateway();
  for (
    const cookie of [undefined, "session=", "session=x", "other=y", `session=${"A".repeat(43)}`]
  ) {
    const answer = await send(gateway, "/api/session", { cookie });
    assert.equal(answer.status, 401, cookie);
    assert.equal(answer.headers.get("www-authenticate"), 'Session realm="gateway"');
    assert.equal((await answer.json()).type, "/problems/unauthorized");
  }
});

Deno.test("sessions end after the configured idle and absolute time", async () => {
  const env = {
    DEMO_PASSWORD: password,
    SESSION_IDLE_MS: "60000",
    SESSION_ABSOLUTE_MS: "150000",
  };
  const gateway = createGateway({ env });
  const { context: { clock } } = gateway;
  const idle = await login(gateway);
  await clock.advance(60_000);
  assert.equal(await sessionStatus(gateway, idle), 401);
  const used = await login(gateway);
  for (let i = 0; i < 2; i++) {
    await clock.advance(59_999);
    assert.equal(await sessionStatus(gateway, used), 200);
  }
  await clock.advance(30_002);
  assert.equal(await sessionStatus(gateway, used), 401);
});

Deno.test("a session is valid at every replica that shares the store, and only there", async () => {
  const sessionStore = new MemorySessionStore();
  const [here, there] = [createGateway({ sessionStore }), createGateway({ sessionStore })];
  const alone = createGateway();
  const cookie = await login(here);
  assert.equal(await sessionStatus(there, cookie), 200);
  assert.equal(await sessionStatus(alone, cookie), 401);
  await send(there, "/api/logout", { cookie });
  assert.equal(await sessionStatus(here, cookie), 401);
});

Deno.test("POST /api/logout ends this session, ?all=true all of the user", async () => {
  const gateway = createGateway();
  const [phone, laptop] = [await login(gateway), await login(gateway)];
  const other = await login(gateway, { body: { user: "usr_2", password } });
  const answer = await send(gateway, "/api/logout", { cookie: phone });
  assert.equal(answer.status, 204);
  assert.match(answer.headers.get("set-cookie") ?? "", /^session=; Max-Age=0; Path=\/; HttpOnly/);
  assert.deepEqual(
    [await sessionStatus(gateway, phone), await sessionStatus(gateway, laptop)],
    [401, 200],
  );
  const tablet = await login(gateway);
  assert.equal((await send(gateway, "/api/logout?all=true", { cookie: laptop })).status, 204);
  for (const cookie of [laptop, tablet]) assert.equal(await sessionStatus(gateway, cookie), 401);
  assert.equal(await sessionStatus(gateway, other), 200);
  assert.equal(await sessionStatus(gateway, await login(gateway)), 200);
});

Deno.test("POST /api/logout without a session does no harm", async () => {
  const gateway = createGateway();
  assert.equal((await send(gateway, "/api/logout")).status, 204);
  assert.equal((await send(gateway, "/api/logout?all=true")).status, 401);
  assert.equal((await send(gateway, "/api/logout?all=yes")).status, 400);
});
