/**
 * The gateway while services hang, fail and come back: a whole system under open-loop load.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import type { Sample } from "../../lab/load/sample.ts";
import { percentile } from "../../lab/stats/percentile.ts";
import { replaceFile } from "../../stack/replace_file.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { addressOf, startTestStack, type TestStack } from "../stack.ts";
import { tries } from "../tries.ts";
import { until } from "../until.ts";

/** What GET /api/metrics of the gateway says of one service. */
interface UpstreamMetrics {
  breaker: { kind: string };
  endpoints: { ejected: boolean }[];
  attempts: number;
  coalesced: number;
}

/** p99 of refusals while the breaker is open. */
const REFUSED_WITHIN_MS = 10;
/** p99 of users while payments is ill, to what it was before. */
const USERS_RATIO = 1.5;
/** What a machine that other tests share may add; what a hung service costs are seconds. */
const NOISE_MS = 5;

async function upstream(gateway: string, name: string): Promise<UpstreamMetrics> {
  const answer = await fetch(`${gateway}/api/metrics`);
  return (await answer.json()).upstreams[name];
}

async function setFaults(address: string, ...faults: unknown[]): Promise<void> {
  const answer = await fetch(`${address}/faults`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ faults }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

const p99 = (samples: readonly Sample[]) => percentile(samples.map((s) => s.latencyMs), 0.99);
const p50 = (samples: readonly Sample[]) => percentile(samples.map((s) => s.latencyMs), 0.5);
const statuses = (samples: readonly Sample[]) => [...new Set(samples.map(({ status }) => status))];
const endMs = ({ intendedMs, latencyMs }: Sample) => intendedMs + latencyMs;

/** Parts of the mixed load, and how many of ten requests each is. */
const MIX = { users: 7, payments: 2, dashboard: 1 };
const RATE = 200;
/** At most: it ends when the breaker has been closed for a while. */
const SECONDS = 30;
/** Load with the breaker closed again. */
const AFTER_MS = 1_000;

/** Targets in turn, and which part each belongs to. What may hang is asked for once, or it would coalesce. */
async function mixedLoad(url: string) {
  const { items } = await (await fetch(`${url}/api/users?limit=100`)).json();
  const ids: string[] = items.map(({ id }: { id: string }) => id);
  const user = (n: number) => ids[n % ids.length] ?? "";
  const paths = {
    users: (n: number) => `/api/users/${user(n)}`,
    payments: (n: number) => `/api/payments/pay_none${n}`,
    dashboard: (n: number) => `/api/dashboard?user=${user(Math.floor(n / 10))}`,
  };
  const parts = Object.keys(MIX) as (keyof typeof MIX)[];
  const turn = parts.flatMap((part) => Array<keyof typeof MIX>(MIX[part]).fill(part));
  const order = Array.from({ length: RATE * SECONDS }, (_, n) => turn[n % turn.length] ?? "users");
  return {
    targets: order.map((part, n) => ({ url: url + paths[part](n) })),
    part: (samples: readonly Sample[], part: keyof typeof MIX) =>
      samples.filter(({ target }) => order[target] === part),
  };
}

/** Makes payments fail in some way; disposing of it heals them. */
type Failure = (stack: TestStack) => Promise<AsyncDisposable>;

async function hang(stack: TestStack): Promise<AsyncDisposable> {
  await stack.kill("payments-1", "SIGSTOP");
  return { [Symbol.asyncDispose]: () => stack.kill("payments-1", "SIGCONT") };
}

/** Sends the gateway to a port that nobody listens on. A killed service would be started again, which takes a core. */
async function refuse(stack: TestStack): Promise<AsyncDisposable> {
  const file = `${stack.stateDir}/upstreams.json`;
  const text = Deno.readTextFileSync(file);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const payments = [`http://127.0.0.1:${listener.addr.port}`];
  listener.close();
  replaceFile(file, JSON.stringify({ ...JSON.parse(text), payments }));
  await pause(300); // the gateway looks each 200 ms
  return {
    [Symbol.asyncDispose]: () => Promise.resolve(replaceFile(file, text)),
  };
}

function fault(fault: unknown): Failure {
  return async (stack) => {
    const address = await addressOf(stack, "payments-1");
    await setFaults(address, fault);
    return { [Symbol.asyncDispose]: () => setFaults(address) };
  };
}

const FAILURES: readonly (readonly [what: string, fail: Failure])[] = [
  ["hangs", hang],
  ["refuses connections", refuse],
  ["answers every call with 500", fault({ effect: { kind: "error" } })],
  ["answers every second call with 500", fault({ share: { every: 2 }, effect: { kind: "error" } })],
];

/** Lets payments fail for a while under load, and heals it. */
async function fallAndRise(fail: Failure) {
  await using stack = await startTestStack({
    replicas: 1,
    faults: true,
    // A machine that other tests use would shed now and then, which is another test's business.
    gatewayEnv: { SHEDDING: "off" },
  });
  const gateway = await addressOf(stack, "gateway-1");
  const { targets, part } = await mixedLoad(stack.url);
  // Warm, or the first requests are the slowest of all.
  await Promise.all(
    targets.slice(0, 200).map(async ({ url }) => await (await fetch(url)).body?.cancel()),
  );
  const load = await startProbe({ targets, ratePerSecond: RATE, durationSeconds: SECONDS });
  const state = async () => (await upstream(gateway, "payments")).breaker.kind;
  await pause(4_000);
  const failedAtMs = load.elapsedMs();
  const failure = await fail(stack);
  const getDashboard = async () => (await fetch(targets.at(-1)?.url ?? "")).json();
  const early = getDashboard();
  early.catch(() => {}); // awaited below
  await until("the breaker to open", async () => await state() === "open", 6_000);
  const openedAtMs = load.elapsedMs();
  await pause(2_000);
  const late = await getDashboard();
  const healedAtMs = load.elapsedMs();
  await failure[Symbol.asyncDispose]();
  await until("the breaker to close", async () => await state() === "closed", 15_000);
  await pause(AFTER_MS);
  assert.ok(load.elapsedMs() < 1_000 * SECONDS, "the load outlasts the trouble");
  load.stop();
  const { samples } = await load.result;

  const quiet = samples.filter((s) => s.intendedMs > 500 && endMs(s) < failedAtMs);
  const during = samples.filter((s) => s.intendedMs >= failedAtMs && s.intendedMs < healedAtMs);
  const refused = part(samples, "payments").filter(({ status }) => status === 503);
  const open = refused.filter((s) => s.intendedMs > openedAtMs && endMs(s) < healedAtMs);
  const firstRefusedMs = Math.min(...refused.map(endMs));
  return {
    early: await early,
    late,
    users: part(samples, "users"),
    dashboards: part(samples, "dashboard"),
    usersP99Ms: { quiet: p99(part(quiet, "users")), during: p99(part(during, "users")) },
    refused: refused.length,
    refusedP50Ms: p50(open),
    refusedP99Ms: p99(open),
    failed:
      part(during, "payments").filter((s) =>
        [500, 502, 504].includes(s.status) && endMs(s) < firstRefusedMs
      ).length,
  };
}

for (const [what, fail] of FAILURES) {
  Deno.test({
    name: `users do not notice that payments ${what}, the breaker opens, and closes by itself`,
    ...requires("redis-server", "nginx"),
    fn: async () => {
      const results: Awaited<ReturnType<typeof fallAndRise>>[] = [];
      await tries(3, async () => {
        const result = await fallAndRise(fail);
        results.push(result);
        const { usersP99Ms: { quiet, during }, refusedP99Ms } = result;
        const described = `users p99 ${quiet.toFixed(1)} ms, then ${during.toFixed(1)} ms`;
        // deno-lint-ignore no-console -- the figures are what the reader wants
        console.log(`${described}; refused within ${refusedP99Ms.toFixed(1)} ms`);
        assert.ok(during <= USERS_RATIO * quiet, described);
        assert.ok(refusedP99Ms <= REFUSED_WITHIN_MS, `refused within ${refusedP99Ms} ms`);
      });
      // No noise excuses these.
      for (const { early, late, users, dashboards, refused, failed, ...times } of results) {
        const { usersP99Ms: { quiet, during }, refusedP50Ms } = times;
        assert.ok(
          during <= USERS_RATIO * quiet + NOISE_MS,
          `users p99 ${quiet}, then ${during} ms`,
        );
        assert.ok(refusedP50Ms <= REFUSED_WITHIN_MS, `half refused within ${refusedP50Ms} ms`);
        assert.ok(dashboards.every(({ latencyMs }) => latencyMs < 2_000), "inside its deadline");
        assert.deepEqual(statuses(users), [200]);
        assert.deepEqual(statuses(dashboards), [200]);
        // One that fails half of the time may answer before the breaker opens.
        if (!what.includes("second")) assert.deepEqual(Object.keys(early.errors), ["payments"]);
        assert.deepEqual(Object.keys(late.errors), ["payments"]);
        for (const { user, orders } of [early, late]) assert.ok(user.id && orders.length > 0);
        assert.ok(failed <= 20, `${failed} failed before the first refusal`);
        assert.ok(refused > 20, `${refused} refused`);
      }
    },
  });
}
