/**
 * Our open-loop prober. It sends at the times that it intended, in a process of its own, whatever the server does,
 * and counts latency from those times: a stall delays every request that was due during it, and all of them show.
 * A closed-loop client sends nothing while it waits, and hides the stall ("coordinated omission", G. Tene).
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Generator } from "../results.ts";
import { type ProbePlan, probePlanSchema, type ProbeTarget } from "./probe_plan.ts";
import type { Sample } from "./sample.ts";

/** Options of {@linkcode probe}. Give `url` or `targets`, and `durationSeconds` or `count`. */
export interface ProbeOptions {
  /** What to GET (or to ask with `method`, `headers`, `body`). */
  url?: string;
  /** @default "GET" */
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Several things to ask, in turn; instead of `url`. */
  targets?: readonly ProbeTarget[];
  ratePerSecond: number;
  durationSeconds?: number;
  /** Requests in all; instead of `durationSeconds`. */
  count?: number;
  /** @default "kept-alive" */
  connections?: "fresh" | "kept-alive";
  /** From the intended send time to the end of the response. @default 10_000 */
  timeoutMs?: number;
  /** Resend an idempotent request once when a kept-alive connection closes under it. @default true */
  retryClosed?: boolean;
  /** p99 of the lateness of sends above which the prober calls itself the bottleneck. @default 10 */
  maxLateMs?: number;
  /** Called with samples as they come in, in batches (every 250 ms). */
  onSamples?: (samples: readonly Sample[]) => void;
  /** Stops sending; what is in flight is awaited and what there is is returned. */
  signal?: AbortSignal;
}

/** A finished probe. */
export interface ProbeResult {
  /** By intended send time. */
  samples: Sample[];
  /** Wall time of `intendedMs` = 0. */
  startedAtEpochMs: number;
  generator: Generator;
  plan: ProbePlan;
}

/** A probe under way. */
export interface RunningProbe {
  /** Resolves with the wall time of the first intended send, once it is fixed. */
  readonly started: Promise<number>;
  /** Milliseconds since the first intended send; the time axis of samples and events. */
  elapsedMs(): number;
  /** Stops sending. */
  stop(): void;
  /** Resolves when every request has ended. */
  readonly result: Promise<ProbeResult>;
}

/** Starts a probe; do things meanwhile, then await `result`. Resolves when the first request is about to go out. */
export async function startProbe(options: ProbeOptions): Promise<RunningProbe> {
  const { maxLateMs = 10, onSamples, signal } = options;
  const plan = planOf(options);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net",
      fileURLToPath(new URL("./prober_main.ts", import.meta.url)),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  let open = true;
  const say = (text: string) => {
    if (!open) return;
    // A child that is gone already needs no telling.
    stdin.write(new TextEncoder().encode(text)).catch(() => open = false);
  };
  const stop = () => say("stop\n");
  signal?.addEventListener("abort", stop, { once: true });
  say(`${JSON.stringify(plan)}\n`);

  const started = Promise.withResolvers<number>();
  const samples: Sample[] = [];
  let cpuCores: number | null = null;
  const finish = async (): Promise<ProbeResult> => {
    const stderr = new Response(child.stderr).text();
    for await (const line of lines(child.stdout)) {
      const message: { started?: number; samples?: Sample[]; done?: { cpuCores: number } } = JSON
        .parse(line);
      if (message.started !== undefined) started.resolve(message.started);
      if (message.done) cpuCores = message.done.cpuCores;
      if (message.samples) {
        for (const sample of message.samples) samples.push(sample);
        onSamples?.(message.samples);
      }
    }
    open = false;
    signal?.removeEventListener("abort", stop);
    await stdin.close().catch(() => {}); // The pipe is gone with the child.
    const { code } = await child.status;
    if (code !== 0 || cpuCores === null) {
      throw new Error(
        `Cannot probe: the prober must end by itself, received exit ${code} "${await stderr}"`,
      );
    }
    await stderr;
    samples.sort((a, b) => a.intendedMs - b.intendedMs);
    return {
      samples,
      startedAtEpochMs: await started.promise,
      generator: judge(samples, cpuCores, maxLateMs),
      plan,
    };
  };
  const result = finish();
  result.catch(started.reject);
  const startedAt = await started.promise;
  return {
    started: started.promise,
    elapsedMs: () => performance.timeOrigin + performance.now() - startedAt,
    stop,
    result,
  };
}

/** Probes and returns every sample. */
export async function probe(options: ProbeOptions): Promise<Sample[]> {
  return (await (await startProbe(options)).result).samples;
}

/** Whether the prober kept its schedule: late sends or a full core mean that it measured itself. */
export function judge(samples: readonly Sample[], cpuCores: number, maxLateMs: number): Generator {
  const late = samples.map((sample) => sample.lateMs).sort((a, b) => a - b);
  const lateP99Ms = late[Math.ceil(late.length * 0.99) - 1] ?? 0;
  const lateMaxMs = late.at(-1) ?? 0;
  return {
    tool: "prober",
    cpuCores,
    lateP99Ms,
    lateMaxMs,
    bottleneck: lateP99Ms > maxLateMs || cpuCores > 0.8,
  };
}

function planOf(options: ProbeOptions): ProbePlan {
  const { url, method, headers, body, targets, ratePerSecond, durationSeconds, count } = options;
  if ((url === undefined) === (targets === undefined)) {
    throw new TypeError(`Cannot probe: exactly one of "url" and "targets" must be given`);
  }
  if ((durationSeconds === undefined) === (count === undefined)) {
    throw new TypeError(`Cannot probe: exactly one of "durationSeconds" and "count" must be given`);
  }
  return probePlanSchema.parse({
    targets: targets ?? [{ url, method, headers, body }],
    ratePerSecond,
    count: count ?? Math.max(1, Math.round(ratePerSecond * (durationSeconds ?? 0))),
    connections: options.connections,
    timeoutMs: options.timeoutMs,
    retryClosed: options.retryClosed,
  });
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
