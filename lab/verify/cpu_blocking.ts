/**
 * Checks 3 and 4: what 3 s of blocking work do to everybody else. The document sent one probe; one probe
 * says whether it was lucky. Here light requests come at a steady rate, whatever happens, and each is
 * timed from the moment at which it was due.
 *
 * @module
 */
import { startProbe } from "../load/prober.ts";
import { isGood, type Sample } from "../load/sample.ts";
import { delayedShareAbove } from "../stats/blocked_replica.ts";
import { percentile } from "../stats/percentile.ts";
import { type Check, type CheckContext, describeTally, get, tally } from "./check.ts";

const RATE_PER_SECOND = 200;
const RUN_MS = 6_000;
const BLOCK_MS = 3_000;
/** A light request that takes longer was held up. */
const HELD_UP_MS = 100;
/** Time into the run at which the blocking request is sent. */
const BLOCK_AT_MS = 1_000;

/** What light requests met while one blocking request ran. */
export interface BlockedRun {
  samples: Sample[];
  /** Those that waited more than {@linkcode HELD_UP_MS}, or were refused with 503. */
  heldUp: number;
  /** Neither answered nor refused in an orderly way. */
  failed: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** Sends light requests and, meanwhile, one that blocks for 3 s. */
export async function runBlocked(
  url: string,
  mode: "inline" | "offload" | "none",
): Promise<BlockedRun> {
  const running = await startProbe({
    url: `${url}/api/users?limit=1`,
    ratePerSecond: RATE_PER_SECOND,
    durationSeconds: RUN_MS / 1_000,
    timeoutMs: 15_000,
  });
  await new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, BLOCK_AT_MS - running.elapsedMs()))
  );
  if (mode !== "none") await get(`${url}/api/cpu-bound?ms=${BLOCK_MS}&mode=${mode}`);
  const { samples } = await running.result;
  const latencies = samples.map(({ latencyMs }) => latencyMs);
  const refused = (sample: Sample) => sample.status === 503 && sample.error === null;
  return {
    samples,
    heldUp: samples.filter((each) => refused(each) || each.latencyMs > HELD_UP_MS).length,
    failed: samples.filter((each) => !isGood(each) && !refused(each)).length,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    maxMs: Math.max(...latencies),
  };
}

/** How many light requests round-robin lets wait, in theory. */
export function expectedHeldUp(replicas: number): number {
  const block = { replicas, blockMs: BLOCK_MS, runMs: RUN_MS };
  return RATE_PER_SECOND * RUN_MS / 1_000 * delayedShareAbove(block, HELD_UP_MS);
}

/** One replica of three blocked: a third waits under round-robin, nearly nobody under least-conn. */
export const cpuBlockingWithThree: Check = {
  title: "CPU blocking with 3 instances",
  replicas: 3,
  async run({ stack, url }: CheckContext) {
    const turns = await runBlocked(url, "inline");
    await stack.setFront({ policy: "least-conn" });
    const least = await runBlocked(url, "inline");
    await stack.setFront({ policy: "round-robin" });
    const expected = expectedHeldUp(3);
    // A front that checks its replicas takes the blocked one out: fewer wait than in theory, never more.
    const passed = turns.failed === 0 && least.failed === 0 && turns.heldUp > 0 &&
      turns.heldUp <= expected * 1.15 && least.heldUp <= expected * 0.1 &&
      turns.maxMs < BLOCK_MS * 1.2 && turns.p50Ms < HELD_UP_MS;
    return {
      passed,
      seen: `held up over ${HELD_UP_MS} ms, of ${turns.samples.length}: ` +
        `round-robin ${turns.heldUp} (theory ${expected.toFixed(0)}), longest ${
          ms(turns.maxMs)
        }; ` +
        `least-conn ${least.heldUp}, p99 ${ms(least.p99Ms)}${failures(turns, least)}`,
    };
  },
};

/** The only replica blocked: all wait, for 3 s and not for 53. On a worker thread: nobody does. */
export const cpuBlockingWithOne: Check = {
  title: "CPU blocking with 1 instance",
  replicas: 1,
  async run({ url }: CheckContext) {
    const inline = await runBlocked(url, "inline");
    const offload = await runBlocked(url, "offload");
    const expected = expectedHeldUp(1);
    const passed = inline.failed === 0 && offload.failed === 0 &&
      inline.heldUp >= expected * 0.85 && inline.heldUp <= expected * 1.15 &&
      inline.maxMs < BLOCK_MS * 1.2 && offload.heldUp <= offload.samples.length * 0.01;
    return {
      passed,
      seen: `held up over ${HELD_UP_MS} ms, of ${inline.samples.length}: ` +
        `inline ${inline.heldUp} (theory ${expected.toFixed(0)}), longest ${ms(inline.maxMs)}; ` +
        `offloaded ${offload.heldUp}, p99 ${ms(offload.p99Ms)}${failures(inline, offload)}`,
    };
  },
};

/** What failed, when something did. */
function failures(...runs: BlockedRun[]): string {
  const samples = runs.flatMap((run) => run.samples).filter((each) => !isGood(each));
  const words = samples.map(({ status, error }) => error ?? `${status}`);
  return words.length === 0 ? "" : `; not answered: ${describeTally(tally(words))}`;
}

function ms(value: number): string {
  return `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
