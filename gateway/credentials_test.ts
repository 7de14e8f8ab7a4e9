// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { fakeDate } from "../testing/fake_date.ts";
import {
  createTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from "../testing/gateway.ts";
import { MAX_WRONG_GUESSES } from "./credentials.ts";

const password = "correct horse";

/** A gateway before a users service that knows `usr_1`. */
function createGateway(options: TestGatewayOptions = {}): TestGateway {
  const users = ({ url }: Request) =>
    url.endsWith("/usr_1") ? Response.json({ id: "usr_1" }) : new Response(null, { status: 404 });
  return createTestGateway(users, { env: { DEMO_PASSWORD: password }, ...options });
}

async function login(
  { app }: TestGateway,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await app.request("/api/login", {
    method: "POST",
    ...(body === undefined ? { headers } : {
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    }),
  }, { remoteAddress: "127.0.0.1" });
}

Deno.test("POST /api/login does not tell which of user and password is wrong", async () => {
  const bodies = [];
  for (const body of [{ user: "usr_1", password: "wrong" }, { user: "usr_9", password }]) {
    const answer = await login(createGateway(), body);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("set-cookie"), null);
    const { requestId: _, ...rest } = await answer.json();
    bodies.push(rest);
  }
  assert.deepEqual(bodies[0], bodies[1]);
});

Deno.test("POST /api/login refuses bodies that name no user and password", async () => {
  const gateway = createGateway();
  const cases: [unknown, string[]][] = [
    [{}, ["/user", "/password"]],
    [{ user: "../orders", password }, ["/user"]],
    [{ user: "usr_1", password: "" }, ["/password"]],
    [{ user: ["usr_1"], password: { length: 1 } }, ["/user", "/password"]],
  ];
  for (const [body, fields] of cases) {
    const answer = await login(gateway, body);
    assert.equal(answer.status, 422);
    const { errors } = await answer.json();
    assert.deepEqual(errors.map(({ field }: { field: string }) => field), fields);
  }
  assert.equal((await login(gateway, undefined)).status, 415);
  const body = { user: "usr_1", password: "x".repeat(10_000) };
  assert.equal((await login(gateway, body)).status, 413);
});

Deno.test("POST /api/login stops a client that guesses, and not the others", async () => {
  const gateway = createGateway();
  using _date = fakeDate(gateway.context.clock);
  const wrong = { user: "usr_1", password: "wrong" };
  const guess = (address: string, body: unknown) =>
    login(gateway, body, { "x-forwarded-for": address });
  for (let i = 0; i < MAX_WRONG_GUESSES; i++) {
    assert.equal((await guess("192.0.2.1", wrong)).status, 401);
  }
  const refused = await guess("192.0.2.1", { user: "usr_1", password });
  assert.equal(refused.status, 429, "even when the guess is right");
  assert.equal(refused.headers.get("retry-after"), "60");
  assert.equal((await guess("192.0.2.2", { user: "usr_1", password })).status, 200);
  await gateway.context.clock.advance(60_000);
  assert.equal((await guess("192.0.2.1", { user: "usr_1", password })).status, 200);
});

Deno.test("POST /api/login tries no more guesses when they come all at once", async () => {
  const gateway = createGateway();
  const guess = (password: string) => login(gateway, { user: "usr_1", password });
  const guesses = [...Array<string>(MAX_WRONG_GUESSES + 5).fill("wrong"), password];
  const statuses = (await Promise.all(guesses.map(guess))).map(({ status }) => status);
  assert.deepEqual(statuses, [
    ...Array<number>(MAX_WRONG_GUESSES).fill(401),
    ...Array<number>(6).fill(429), // the last was right, and too late
  ]);
});

Deno.test("POST /api/login lets nobody in while no password is set", async () => {
  const gateway = createGateway({ env: {} });
  const answer = await login(gateway, { user: "usr_1", password });
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).detail, /DEMO_PASSWORD/);
});

Deno.test("POST /api/login says so when users cannot be asked", async () => {
  const gateway = createTestGateway(() => new Response(null, { status: 500 }), {
    env: { DEMO_PASSWORD: password },
  });
  const answer = await login(gateway, { user: "usr_1", password });
  assert.equal(answer.status, 502);
});
