// deno-lint-ignore-file no-await-in-loop -- looking again is the point
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { StackStatus } from "../../stack/stack.ts";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";
import { attack } from "./attack.ts";
import { hostileRequests } from "./requests.ts";

/** `HOSTILE_REQUESTS`, `HOSTILE_SEED` and `HOSTILE_SETTLE_MS` ask for more, others, and a longer wait. */
function setting(name: string, otherwise: number): number {
  const given = Deno.permissions.querySync({ name: "env" }).state === "granted"
    ? Deno.env.get(name)
    : undefined;
  return given === undefined ? otherwise : Number(given);
}
/** One in twenty is from a fixed list; 10,000 of the others. */
const COUNT = setting("HOSTILE_REQUESTS", 10_600);
const SEED = setting("HOSTILE_SEED", 20_261_123);
const SETTLE_MS = setting("HOSTILE_SETTLE_MS", 60_000);

/** Some requests have no answer and are waited for in vain: with half as many connections twice as long. */
const CONNECTIONS = 32;

/** What the metrics, probes and fault switches of an instance answer with. */
const INTERNAL = [/# (?:HELP|TYPE) /, /"status":"(?:live|ready)"/, /"faults":/];
const INTERNAL_ROUTES = /route="\/(?:metrics|healthz|faults)[^"]*"/;

/** Requests that an instance answered on its internal routes, but for readiness, which a front asks. */
async function internalCalls(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return text.split("\n")
    .filter((line) => line.startsWith("http_request_duration_seconds_count"))
    .filter((line) => INTERNAL_ROUTES.test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

function serving({ instances }: StackStatus) {
  return instances.filter(({ service }) => service !== "redis" && service !== "front");
}

const CASES = [
  { name: "nginx with the system behind it", front: "nginx", direct: false },
  { name: "caddy with the system behind it", front: "caddy", direct: false },
  { name: "a gateway's own port", front: "nginx", direct: true },
] as const;

for (const { name, front, direct } of CASES) {
  Deno.test({
    name: `${name} withstands ${COUNT} hostile requests (seed ${SEED})`,
    ...requires(front, "redis-server"),
    fn: async () => {
      await using stack = await startTestStack({ front, replicas: 2, faults: true });
      const first = await stack.status();
      const gateway = first.instances.find(({ service }) => service === "gateway");
      const port = Number(new URL(direct ? gateway?.address ?? "" : stack.url).port);
      // An internal endpoint of a gateway is there on its own port: that is what the port is for.
      const options = { port, secrets: direct ? [] : INTERNAL, concurrency: CONNECTIONS };
      await attack(hostileRequests(COUNT / 4, SEED + 1), options); // heaps reach their usual size
      const before = await stack.status();
      const calls = await Promise.all(serving(before).map(({ address }) => internalCalls(address)));

      const report = await attack(hostileRequests(COUNT, SEED), options);
      deepStrictEqual(report.findings, []);
      strictEqual(report.sent, COUNT);
      // Enough of it must get past the parsers, into routes and services.
      for (const status of [200, 401, 404, 405, 422]) {
        ok((report.statuses[status] ?? 0) > COUNT / 1_000, JSON.stringify(report.statuses));
      }

      if (!direct) { // before status(), which looks as well
        const now = await Promise.all(serving(before).map(({ address }) => internalCalls(address)));
        deepStrictEqual(now, calls.map((count) => count + 1)); // our own look
      }
      const after = await settle(stack, before);
      const who = (status: StackStatus) => status.instances.map(({ id, pid }) => `${id} ${pid}`);
      deepStrictEqual(who(after), who(before)); // nothing crashed and came back
      const grown = growth(before, after);
      ok(grown.every(({ ratio }) => ratio <= 1.2), JSON.stringify(grown));
    },
  });
}

function growth(before: StackStatus, after: StackStatus) {
  return before.instances.map(({ id, rssBytes }) => {
    const now = after.instances.find((instance) => instance.id === id)?.rssBytes ?? 0;
    return { id, ratio: now / (rssBytes ?? 1), beforeBytes: rssBytes, afterBytes: now };
  });
}

/** Waits until memory is back within 20 %, at most for `SETTLE_MS`. */
async function settle(
  stack: { status(): Promise<StackStatus> },
  before: StackStatus,
): Promise<StackStatus> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const status = await stack.status();
    const back = growth(before, status).every(({ ratio }) => ratio <= 1.2);
    if (back || performance.now() > deadline) return status;
    // A runtime gives memory back when it is idle: looking all the time would keep it from that.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  }
}
