/**
 * The prober's own process: reads its plan (checked by the parent) from stdin, sends on schedule whatever happens (open loop), writes
 * samples as JSON lines to stdout. Started by `prober.ts`; not meant to be run by hand.
 *
 * Lines: `{"started":EPOCH_MS}`, then `{"samples":[...]}` in batches, last `{"done":{"cpuCores":N}}`.
 * Any byte on stdin after the plan stops sending; what is in flight is awaited.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { MeasuringClient } from "./client.ts";
import type { ProbePlan } from "./probe_plan.ts";
import { requestOf } from "./request_bytes.ts";
import type { Sample } from "./sample.ts";

/** Longest wait before a batch of samples is written. */
const BATCH_MS = 250;

async function run(plan: ProbePlan, stop: AbortSignal): Promise<void> {
  const { ratePerSecond, count, timeoutMs, retryClosed } = plan;
  using client = new MeasuringClient({
    keepAlive: plan.connections === "kept-alive",
    timeoutMs,
    retryClosed,
  });
  const requests = plan.targets.map((target) => requestOf(target, plan.connections));
  const gapMs = 1000 / ratePerSecond;
  let batch: Sample[] = [];
  let inFlight = 0;
  let allBack = () => {};
  const idle = new Promise<void>((resolve) => allBack = resolve);
  const flush = () => {
    if (batch.length === 0) return;
    write({ samples: batch });
    batch = [];
  };
  const flusher = setInterval(flush, BATCH_MS);
  const cpuBefore = process.cpuUsage();
  const start = performance.now() + 20;
  write({ started: performance.timeOrigin + start });

  let next = 0;
  let sending = true;
  const finishIfDone = () => {
    if (!sending && inFlight === 0) allBack();
  };
  const sendDue = (): void => {
    const now = performance.now();
    while (next < count && start + next * gapMs <= now && !stop.aborted) send(next++);
    if (next >= count || stop.aborted) {
      sending = false;
      return finishIfDone();
    }
    setTimeout(sendDue, Math.max(0, start + next * gapMs - performance.now()));
  };
  const send = (index: number): void => {
    const target = index % requests.length;
    const request = requests[target];
    if (!request) return;
    const intended = start + index * gapMs;
    const sentAt = performance.now();
    inFlight++;
    client.send(request, intended + timeoutMs - sentAt).then((outcome) => {
      const { endedAt, ...rest } = outcome;
      batch.push({
        intendedMs: intended - start,
        lateMs: sentAt - intended,
        latencyMs: endedAt - intended,
        target,
        ...rest,
      });
      inFlight--;
      finishIfDone();
    });
  };
  sendDue();
  await idle;
  clearInterval(flusher);
  flush();
  const cpu = process.cpuUsage(cpuBefore);
  const elapsedUs = Math.max(1, (performance.now() - start) * 1000);
  write({ done: { cpuCores: (cpu.user + cpu.system) / elapsedUs } });
}

function write(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const stop = new AbortController();
let running: Promise<void> | undefined;
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (running) return stop.abort();
  running = run(JSON.parse(line), stop.signal).finally(() => lines.close());
});
// The parent is gone: nobody reads the samples.
lines.on("close", () => stop.abort());
