/**
 * Runs oha (>= 1.15) for rates and capacities, and reads it with distrust: any HTTP response is a "success" to it, its
 * percentiles leave out what failed, and a run is believed only when statuses + errors = requests sent.
 *
 * @module
 */
import { z } from "zod";
import { findTool } from "../../stack/tools.ts";
import type { Generator } from "../results.ts";
import { latenessOf, type OhaResponse, readOhaResponses } from "./oha_responses.ts";

/** Sends that are later than this (p99) were not the load that was asked for; the prober judges itself by the same. */
const MAX_LATE_MS = 10;
/** Connections of an open loop that says nothing else. */
const CONNECTIONS = 200;
/** It had no more files (24) or local ports (99); Linux. */
const STARVED = /\(os error (24|99)\)/;

/** Options of {@linkcode runOha}. */
export interface OhaOptions {
  url: string;
  /** Asked at random instead of `url`, so that equal requests do not meet. */
  urls?: readonly string[];
  /**
   * `open`: `ratePerSecond` for `durationSeconds`, latency from the intended send time.
   * `closed`: `connections` clients that each wait for their answer, as fast as they can.
   */
  mode: "open" | "closed";
  /** Of open loops only. */
  ratePerSecond?: number;
  durationSeconds: number;
  /**
   * Open loops: must exceed what can be in flight (rate x the longest delay), or oha's own queue inflates latency.
   *
   * @default 200
   */
  connections?: number;
  /** @default "GET" */
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** @default true */
  keepAlive?: boolean;
  /** @default 10_000 */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const outputSchema = z.looseObject({
  summary: z.looseObject({ total: z.number(), average: z.number().nullish() }),
  latencyPercentiles: z.record(z.string(), z.number().nullable()),
  statusCodeDistribution: z.record(z.string(), z.int()),
  errorDistribution: z.record(z.string(), z.int()),
});

/** What an oha run came to. */
export interface OhaResult {
  args: string[];
  /** Requests sent. */
  requests: number;
  /** Requests by status. */
  statuses: Record<string, number>;
  /** Requests without a response, by oha's words. */
  errors: Record<string, number>;
  /** Responses of status 200 to 399. */
  good: number;
  totalSeconds: number;
  /** `good` a second of the whole run. */
  goodputPerSecond: number;
  /** Mean latency of responses in ms; null when there were none. */
  meanLatencyMs: number | null;
  /** Of open loops: every response, by intended send time. */
  responses?: OhaResponse[];
  /** Percentiles of responses in ms, such as `p50`, `p99.9`; null when there were none. */
  latencyMs: Record<string, number | null>;
  generator: Generator;
  /** As printed. */
  output: Record<string, unknown>;
}

/** Runs oha. @throws when it is missing, fails, or its counts do not add up */
export async function runOha(options: OhaOptions): Promise<OhaResult> {
  const tool = findTool("oha");
  if (!tool.present) throw new Error(`Cannot run oha: ${tool.reason}`);
  const args = ohaArgs(options);
  const database = options.mode === "open"
    ? await Deno.makeTempFile({ prefix: "oha-", suffix: ".sqlite" })
    : undefined;
  const list = options.urls ? await Deno.makeTempFile({ prefix: "oha-" }) : undefined;
  if (list) await Deno.writeTextFile(list, (options.urls ?? []).join("\n"));
  const child = new Deno.Command(tool.path, {
    args: [
      ...(database ? ["--db-url", database] : []),
      ...(list ? [...args.slice(0, -1), "--urls-from-file", list] : args),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.signal ? { signal: options.signal } : {}),
  }).spawn();
  const cpu = watchCpu(child.pid);
  const { success, code, stdout, stderr } = await child.output();
  const cpuSeconds = cpu.stop();
  const responses = success && database ? readOhaResponses(database) : undefined;
  for (const file of [list, database]) {
    // deno-lint-ignore no-await-in-loop -- two at most
    if (file) await Deno.remove(file);
  }
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot run oha: it must exit with 0, received ${code} "${said}"`);
  }
  const { durationSeconds, ratePerSecond } = options;
  const expected = options.mode === "open"
    ? Math.round((ratePerSecond ?? 0) * durationSeconds)
    : undefined;
  const parsed = parseOha(new TextDecoder().decode(stdout), expected);
  const cpuCores = cpuSeconds === null ? null : cpuSeconds / parsed.totalSeconds;
  return {
    ...parsed,
    args,
    ...(responses ? { responses } : {}),
    generator: judgeOha(responses ?? [], {
      cpuCores,
      cores: navigator.hardwareConcurrency,
      connections: options.connections ?? CONNECTIONS,
      errors: Object.keys(parsed.errors),
    }),
  };
}

/**
 * Whether oha itself limited a run: it took nearly all cores, ran out of files or ports, or sent late while connections were free. Late sends with all
 * connections busy are the service's (or the caller's, who gave too few): latency counts from the intended time anyway.
 */
export function judgeOha(
  responses: readonly OhaResponse[],
  { cpuCores, cores, connections, errors = [] }: {
    cpuCores: number | null;
    cores: number;
    connections: number;
    /** Its words for requests without a response. @default none */
    errors?: readonly string[];
  },
): Generator {
  const late = latenessOf(responses, connections);
  return {
    tool: "oha",
    cpuCores,
    lateP99Ms: late?.lateP99Ms ?? null,
    lateMaxMs: late?.lateMaxMs ?? null,
    bottleneck: (cpuCores !== null && cpuCores > 0.8 * cores) ||
      errors.some((error) => STARVED.test(error)) ||
      (late !== null && late.own && late.lateP99Ms > MAX_LATE_MS),
  };
}

/** The arguments for oha. @throws when the options contradict each other */
export function ohaArgs(options: OhaOptions): string[] {
  const { url, mode, ratePerSecond, durationSeconds, connections = CONNECTIONS } = options;
  const { method = "GET", headers = {}, body, keepAlive = true, timeoutMs = 10_000 } = options;
  if ((mode === "open") !== (ratePerSecond !== undefined)) {
    throw new TypeError(
      `Cannot run oha: "ratePerSecond" must be given in open loops only, received "${mode}"`,
    );
  }
  return [
    "--no-tui",
    ...["--output-format", "json"],
    // -z would drop what is queued and abort what is in flight.
    ...(mode === "open"
      ? [
        ...["-n", `${Math.round((ratePerSecond ?? 0) * durationSeconds)}`],
        ...["-q", `${ratePerSecond}`, "--latency-correction"],
      ]
      : ["-z", `${durationSeconds}s`, "-w"]),
    ...["-c", `${connections}`, "-t", `${timeoutMs}ms`, "-m", method],
    ...(keepAlive ? [] : ["--disable-keepalive"]),
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    ...(body === undefined ? [] : ["-d", body]),
    url,
  ];
}

/** Reads what oha printed. `expected`: how many requests were asked for. */
export function parseOha(
  text: string,
  expected?: number,
): Omit<OhaResult, "args" | "generator" | "responses"> {
  const output = outputSchema.parse(JSON.parse(text));
  const statuses = output.statusCodeDistribution;
  const errors = output.errorDistribution;
  const requests = total(statuses) + total(errors);
  if (expected !== undefined && requests !== expected) {
    throw new Error(
      `Cannot trust oha: statuses + errors must be the ${expected} requests asked for, received "${requests}"`,
    );
  }
  const good = total(
    Object.fromEntries(Object.entries(statuses).filter(([s]) => /^[23]\d\d$/.test(s))),
  );
  const { total: totalSeconds, average } = output.summary;
  return {
    requests,
    statuses,
    errors,
    good,
    totalSeconds,
    goodputPerSecond: good / totalSeconds,
    meanLatencyMs: typeof average === "number" ? average * 1000 : null,
    latencyMs: Object.fromEntries(
      Object.entries(output.latencyPercentiles).map(([p, s]) => [p, s === null ? null : s * 1000]),
    ),
    output,
  };
}

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/** Follows the CPU time of a process that is not asked for it otherwise (Linux; else null). */
function watchCpu(pid: number): { stop(): number | null } {
  let seconds: number | null = null;
  const look = () => {
    try {
      const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
      // utime and stime, in clock ticks of 10 ms (USER_HZ, 100 on every Linux of today).
      seconds = (Number(fields[11]) + Number(fields[12])) / 100;
    } catch {
      // No /proc, or the process is gone: the last look stands.
    }
  };
  const timer = setInterval(look, 100);
  return {
    stop: () => {
      clearInterval(timer);
      return seconds;
    },
  };
}
