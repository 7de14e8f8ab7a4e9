import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sign } from "hono/jwt";
import { FakeClock } from "../testing/fake_clock.ts";
import { Tokens } from "./tokens.ts";

const secret = "0123456789abcdef0123456789abcdef";

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

Deno.test("Tokens.check() accepts what another replica issued, until it expires", async () => {
  const clock = new FakeClock();
  const [here, there] = [new Tokens({ secret, clock }), new Tokens({ secret, clock })];
  const { token, claims } = await here.issue("usr_1");
  const iat = clock.wallNow() / 1000;
  assert.deepEqual(claims, { sub: "usr_1", iat, exp: iat + 900 });
  assert.deepEqual(await there.check(token), claims);
  await clock.advance(899_999);
  assert.ok(await there.check(token));
  await clock.advance(1);
  assert.equal(await there.check(token), undefined);
});

Deno.test("Tokens.check() refuses whatever this gateway did not sign as it is", async () => {
  const clock = new FakeClock();
  const tokens = new Tokens({ secret, clock });
  const { token, claims } = await tokens.issue("usr_1");
  const [header = "", payload = "", signature = ""] = token.split(".");
  const full = { iss: "gateway", ...claims };
  const forged = encode({ ...full, sub: "usr_admin" });
  const none = encode({ alg: "none", typ: "JWT" });
  const cases: Record<string, string> = {
    "another secret": await sign(full, "another secret of more than 32 characters", "HS256"),
    "another algorithm with the right secret": await sign(full, secret, "HS512"),
    "no algorithm, no signature": `${none}.${payload}.`,
    "no algorithm, old signature": `${none}.${payload}.${signature}`,
    "changed payload": `${header}.${forged}.${signature}`,
    "cut signature": `${header}.${payload}.${signature.slice(0, -2)}`,
    "no signature": `${header}.${payload}.`,
    "another issuer": await sign({ ...full, iss: "elsewhere" }, secret, "HS256"),
    "no issuer": await sign(claims, secret, "HS256"),
    "no expiry": await sign({ iss: "gateway", sub: "usr_1", iat: claims.iat }, secret, "HS256"),
    "no subject": await sign({ ...full, sub: undefined }, secret, "HS256"),
    "nothing": "",
    "rubbish": "a.b.c",
    "two parts": `${header}.${payload}`,
  };
  for (const [what, wrong] of Object.entries(cases)) {
    // deno-lint-ignore no-await-in-loop -- table
    assert.equal(await tokens.check(wrong), undefined, what);
  }
  assert.ok(
    await tokens.check(await sign(full, secret, "HS256")),
    "the cases above are all but this",
  );
});

Deno.test("Tokens refuses a secret that is too short, and does not show it", () => {
  const short = secret.slice(1);
  assert.throws(
    () => new Tokens({ secret: short, clock: new FakeClock() }),
    (error: Error) => error instanceof RangeError && !error.message.includes(short),
  );
});
