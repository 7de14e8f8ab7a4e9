/**
 * The gateway while services hang, fail and come back: a whole system under open-loop load.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import type { Sample } from "../../lab/load/sample.ts";
import { percentile } from "../../lab/stats/percentile.ts";
import { keepDown } from "../keep_down.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { addressOf, startTestStack, type TestStack } from "../stack.ts";
import { until } from "../until.ts";

/** What GET /api/metrics of the gateway says of one service. */
interface UpstreamMetrics {
  breaker: { kind: string };
  endpoints: { ejected: boolean }[];
  attempts: number;
  coalesced: number;
}

/** Answered at once while the breaker is open: the median must be, the tail is the machine's. */
const REFUSED_WITHIN_MS = 10;

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

function fault(fault: unknown): Failure {
  return async (stack) => {
    const address = await addressOf(stack, "payments-1");
    await setFaults(address, fault);
    return { [Symbol.asyncDispose]: () => setFaults(address) };
  };
}

const FAILURES: readonly (readonly [what: string, fail: Failure])[] = [
  ["hangs", hang],
  ["refuses connections", (stack) => Promise.resolve(keepDown(stack, ["payments-1"]))],
  ["answers every call with 500", fault({ effect: { kind: "error" } })],
  ["answers every second call with 500", fault({ share: { every: 2 }, effect: { kind: "error" } })],
];

for (const [what, fail] of FAILURES) {
  Deno.test({
    name: `users do not notice that payments ${what}, the breaker opens, and closes by itself`,
    ...requires("redis-server", "nginx"),
    fn: async () => {
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
      const load = await startProbe({
        targets,
        ratePerSecond: RATE,
        durationSeconds: SECONDS,
      });
      const state = async () => (await upstream(gateway, "payments")).breaker.kind;
      await pause(4_000);
      const failedAtMs = load.elapsedMs();
      const failure = await fail(stack);
      await until("the breaker to open", async () => await state() === "open", 6_000);
      const openedAtMs = load.elapsedMs();
      await pause(2_000);
      const dashboard = await (await fetch(targets.at(-1)?.url ?? "")).json();
      const healedAtMs = load.elapsedMs();
      await failure[Symbol.asyncDispose]();
      await until("the breaker to close", async () => await state() === "closed", 15_000);
      await pause(AFTER_MS);
      assert.ok(load.elapsedMs() < 1_000 * SECONDS, "the load outlasts the trouble");
      load.stop();
      const { samples } = await load.result;

      const quiet = samples.filter((s) => s.intendedMs > 500 && endMs(s) < failedAtMs);
      const during = samples.filter((s) => s.intendedMs >= failedAtMs && endMs(s) < healedAtMs);
      const users = part(samples, "users");
      assert.deepEqual(statuses(users), [200]);
      const [quietP99, p99Now] = [p99(part(quiet, "users")), p99(part(during, "users"))];
      // 5 ms for a machine that other tests share; what a hung service costs are seconds.
      assert.ok(p99Now <= 1.5 * quietP99 + 5, `users p99 ${quietP99} ms, then ${p99Now} ms`);

      const dashboards = part(samples, "dashboard");
      assert.deepEqual(statuses(dashboards), [200]);
      assert.ok(dashboards.every(({ latencyMs }) => latencyMs < 2_000), "inside its deadline");
      assert.deepEqual(Object.keys(dashboard.errors), ["payments"]);
      assert.ok(dashboard.user.id && dashboard.orders.length > 0);

      const refused = part(samples, "payments").filter(({ status }) => status === 503);
      const firstRefusedMs = Math.min(...refused.map(endMs));
      const failed = part(during, "payments").filter((s) =>
        [500, 502, 504].includes(s.status) && endMs(s) < firstRefusedMs
      );
      assert.ok(failed.length <= 20, `${failed.length} failed before the first refusal`);
      assert.ok(refused.length > 20, `${refused.length} refused`);
      const open = refused.filter((s) => s.intendedMs > openedAtMs && endMs(s) < healedAtMs);
      assert.ok(p50(open) <= REFUSED_WITHIN_MS, `refused within ${p50(open)} ms`);
    },
  });
}
