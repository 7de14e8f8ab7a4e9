/**
 * Checks 3 and 4: what 3 s of blocking work do to everybody else. The document sent one probe; one probe
 * says whether it was lucky. Here light requests come at a steady rate, whatever happens, and each is
 * timed from the moment at which it was due.
 *
 * @module
 */
import type { FrontKind } from "../../lb/front.ts";
import { startProbe } from "../load/prober.ts";
import { isGood, type Sample } from "../load/sample.ts";
import { delayedShareAbove } from "../stats/blocked_replica.ts";
import { percentile } from "../stats/percentile.ts";
import { type Check, type CheckContext, describeTally, get, tally } from "./check.ts";

const RATE_PER_SECOND = 200;
/** The run is twice as long as the block, which begins after a sixth of it. */
const RUN_BLOCKS = 2;
const BLOCK_AT = 1 / 6;
/** What the document blocks for. */
const BLOCK_MS = 3_000;
/** A light request that takes longer was held up. */
const HELD_UP_MS = 100;
/** Held up, of what theory says: less is as suspicious as more. */
const TOLERANCE = 0.15;

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

/** Sends light requests and, meanwhile, one that blocks. */
export async function runBlocked(
  url: string,
  mode: "inline" | "offload" | "none",
  blockMs: number = BLOCK_MS,
): Promise<BlockedRun> {
  const runMs = RUN_BLOCKS * blockMs;
  const running = await startProbe({
    url: `${url}/api/users?limit=1`,
    ratePerSecond: RATE_PER_SECOND,
    durationSeconds: runMs / 1_000,
    timeoutMs: 15_000,
  });
  await new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, BLOCK_AT * runMs - running.elapsedMs()))
  );
  if (mode !== "none") await get(`${url}/api/cpu-bound?ms=${blockMs}&mode=${mode}`);
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
export function expectedHeldUp(replicas: number, blockMs: number = BLOCK_MS): number {
  const block = { replicas, blockMs, runMs: RUN_BLOCKS * blockMs };
  return RATE_PER_SECOND * block.runMs / 1_000 * delayedShareAbove(block, HELD_UP_MS);
}

/** One replica of three blocked: a third waits under round-robin, nearly nobody under least-conn. */
export const cpuBlockingWithThree: Check = {
  title: "CPU blocking with 3 instances",
  replicas: 3,
  async run({ stack, url, blockMs }: CheckContext) {
    const { front } = await stack.status();
    const turns = await runBlocked(url, "inline", blockMs);
    await stack.setFront({ policy: "least-conn" });
    const least = await runBlocked(url, "inline", blockMs);
    await stack.setFront({ policy: "round-robin" });
    const expected = expectedHeldUp(3, blockMs);
    const passed = turns.failed === 0 && least.failed === 0 &&
      isAsInTheory(turns.heldUp, expected, front) && least.heldUp <= expected * 0.1 &&
      turns.maxMs < blockMs * 1.2 && turns.p50Ms < HELD_UP_MS;
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

/**
 * Whether as many requests were held up as theory says. Caddy checks its replicas actively and takes the
 * blocked one out of turn, so there only the upper bound and one request at least hold; nginx goes on
 * giving it every third.
 */
export function isAsInTheory(heldUp: number, expected: number, front: FrontKind): boolean {
  const least = front === "nginx" ? expected * (1 - TOLERANCE) : 1;
  return heldUp >= least && heldUp <= expected * (1 + TOLERANCE);
}

/** The only replica blocked: all wait, for 3 s and not for 53. On a worker thread: nobody does. */
export const cpuBlockingWithOne: Check = {
  title: "CPU blocking with 1 instance",
  replicas: 1,
  async run({ url, blockMs }: CheckContext) {
    const inline = await runBlocked(url, "inline", blockMs);
    const offload = await runBlocked(url, "offload", blockMs);
    const expected = expectedHeldUp(1, blockMs);
    const passed = inline.failed === 0 && offload.failed === 0 &&
      inline.heldUp >= expected * (1 - TOLERANCE) && inline.heldUp <= expected * (1 + TOLERANCE) &&
      inline.maxMs < blockMs * 1.2 && offload.heldUp <= expected * 0.05;
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
