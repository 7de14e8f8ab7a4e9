// deno-lint-ignore-file no-await-in-loop -- order does not matter, but sockets must be closed
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";

/** A secret of this run, by name, that may be in no log line, argument list or answer to others. */
type Secrets = Record<string, string>;

/** Everything that the stack's processes were told on their command lines. */
async function commandLines(pids: readonly (number | null)[]): Promise<string> {
  const texts = pids.map(async (pid) => {
    if (pid === null) return "";
    return await Deno.readTextFile(`/proc/${pid}/cmdline`);
  });
  return (await Promise.all(texts)).join("\n");
}

Deno.test({
  name: "secrets are in no log and on no command line, also when requests with them fail",
  ...requires("nginx", "redis-server"),
  fn: async () => {
    const password = "correct-horse-7f3a";
    const gatewayEnv = { DEMO_PASSWORD: password, LOG_LEVEL: "debug" };
    await using stack = await startTestStack({ replicas: 1, gatewayEnv });
    const { instances } = await stack.status();
    const gateway = instances.find(({ service }) => service === "gateway");
    const environment = await Deno.readTextFile(`/proc/${gateway?.pid}/environ`);
    const redisPassword = /REDIS_URL=redis:\/\/:([^@\0]+)@/.exec(environment)?.[1] ?? "";
    match(redisPassword, /^[0-9a-f]{64}$/);

    const page = await (await fetch(`${stack.url}/api/users?limit=1`)).json();
    const user: string = page.items[0].id;
    const post = (path: string, body: unknown, headers: HeadersInit = {}) =>
      fetch(`${stack.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
    const login = await post("/api/login", { user, password });
    strictEqual(login.status, 200, await login.text());
    const cookie = /session=([^;]+)/.exec(login.headers.get("set-cookie") ?? "")?.[1] ?? "";
    ok(cookie.length >= 22); // 128 bits
    const { token } = await (await post("/api/token", { user, password })).json();
    const secrets: Secrets = {
      password,
      cookie,
      token,
      redisPassword,
      jwtSecret: (await Deno.readTextFile(`${stack.stateDir}/jwt.secret`)).trim(),
      wrongPassword: "wrong-horse-9b1c",
      query: "query-secret-2d4e",
      key: "idempotency-key-5f6a",
    };

    // Used rightly, used wrongly, and in requests that fail at every stage.
    const headers = {
      "authorization": `Bearer ${token}`,
      "cookie": `session=${cookie}`,
      "idempotency-key": secrets["key"] ?? "",
    };
    const { wrongPassword, query } = secrets;
    const paths = ["/api/secure", "/api/session", "/api/nothing", "/metrics", "/api/users/none"];
    const answers = await Promise.all([
      ...paths.map((path) => fetch(`${stack.url}${path}?access_token=${query}`, { headers })),
      post("/api/login", { user, password: wrongPassword }),
      post("/api/login", `{"user":"${user}","password":"${wrongPassword}`, headers),
      post("/api/orders", { password: wrongPassword }, headers),
      post("/api/payments", `"${wrongPassword}`, { ...headers, "content-type": "text/plain" }),
    ]);
    for (const answer of answers) await answer.body?.cancel();
    deepStrictEqual(answers.slice(0, 2).map(({ status }) => status), [200, 200]);
    const redis = instances.find(({ service }) => service === "redis");
    await stack.kill(redis?.id ?? "", "SIGKILL"); // errors of a lost connection are logged with causes
    await (await fetch(`${stack.url}/api/session`, { headers })).body?.cancel();
    await (await post("/api/orders", { user }, headers)).body?.cancel();

    const pids = (await stack.status()).instances.map(({ pid }) => pid);
    const told = await commandLines(pids);
    const logged: string[] = [];
    for await (const line of stack.logs()) logged.push(line);
    ok(logged.some((line) => line.includes("/api/login")), "there must be something to look at");
    for (const [name, secret] of Object.entries(secrets)) {
      strictEqual(
        logged.find((line) => line.includes(secret)),
        undefined,
        `${name} is in the logs`,
      );
      strictEqual(told.includes(secret), false, `${name} is on a command line`);
    }
    const { mode } = await Deno.stat(`${stack.stateDir}/jwt.secret`);
    strictEqual((mode ?? 0) & 0o777, 0o600);
  },
});
