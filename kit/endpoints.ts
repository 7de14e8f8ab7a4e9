/**
 * Where the replicas of a service are, now. The list changes while the process runs: a file that the
 * process engine rewrites, a name that is resolved every second, or a fixed list.
 *
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import { lookup as systemLookup } from "node:dns/promises";
import { z } from "zod";
import { type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./log.ts";

/** The replicas of one service. */
export interface Endpoints extends Disposable {
  /**
   * Origins such as `http://127.0.0.1:3001`, without a path. The same array until the list changes, so
   * that a reader can tell by identity.
   */
  current(): readonly string[];
}

/** Options of {@linkcode parseEndpoints} and {@linkcode watchEndpointsFile}. */
export interface EndpointsOptions {
  /** @default systemClock */
  clock?: Clock;
  /** Told when a source cannot be read; the last good list stays in use. */
  log?: Pick<Logger, "warn">;
  /** Resolves a name to addresses. @default the system's resolver */
  lookup?: (name: string) => Promise<readonly string[]>;
}

const DNS_INTERVAL_MS = 1_000;
const FILE_INTERVAL_MS = 200;

/**
 * Endpoints from a comma list of base URLs: `http://10.0.0.1:3001,http://10.0.0.2:3001`. An entry
 * `dns+http://users:3001` is resolved every second to all its addresses.
 *
 * @throws {TypeError} when an entry is not such a URL
 */
export function parseEndpoints(list: string, options: EndpointsOptions = {}): Endpoints {
  const entries = list.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
  if (entries.length === 0) {
    throw new TypeError(`Cannot parse endpoints: at least one URL is needed, received "${list}"`);
  }
  const sources = entries.map((entry) =>
    entry.startsWith("dns+")
      ? resolving(toUrl(entry.slice(4)), options)
      : fixed(toUrl(entry).origin)
  );
  return sources.length === 1 && sources[0] ? sources[0] : joined(sources);
}

/** The shape of the file that {@linkcode watchEndpointsFile} reads: service name to base URLs. */
export const endpointsFileSchema: z.ZodType<Record<string, string[]>> = z.record(
  z.string(),
  z.array(z.url({ protocol: /^https?$/ })),
);

/** The services in a watched file. */
export interface EndpointsFile extends Disposable {
  /** The replicas of one service; empty while the file does not name it. */
  service(name: string): Endpoints;
}

/**
 * Watches a JSON file `{"users": ["http://127.0.0.1:1234"], ...}` that its writer replaces atomically.
 * It is polled (one `stat` each 200 ms): a watch on the file is lost when it is renamed over, and one
 * on its directory needs wider permissions. While it is missing or wrong the last good content counts.
 */
export function watchEndpointsFile(path: string, options: EndpointsOptions = {}): EndpointsFile {
  const { clock = systemClock, log } = options;
  const stop = new AbortController();
  let services: ReadonlyMap<string, readonly string[]> = new Map();
  let lastStamp = "";
  let lastTrouble = "";

  // Synchronous on purpose: a stat of a local file costs microseconds.
  function poll(): void {
    try {
      const { mtimeMs, ino, size } = statSync(path);
      const stamp = `${mtimeMs}/${ino}/${size}`;
      if (stamp === lastStamp) return;
      const content = endpointsFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
      services = new Map(
        Object.entries(content).map(([name, urls]) => [
          name,
          keepIfEqual(services.get(name), urls.map((url) => new URL(url).origin)),
        ]),
      );
      lastStamp = stamp;
      lastTrouble = "";
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error);
      if (trouble !== lastTrouble) log?.warn("endpoints file not usable", { path, error: trouble });
      lastTrouble = trouble;
    }
  }

  poll();
  repeat(FILE_INTERVAL_MS, clock, stop.signal, poll);
  const close = () => stop.abort();
  return {
    service: (name) => ({ current: () => services.get(name) ?? NONE, [Symbol.dispose]() {} }),
    [Symbol.dispose]: close,
  };
}

const NONE: readonly string[] = [];

function fixed(origin: string): Endpoints {
  const origins = [origin];
  return { current: () => origins, [Symbol.dispose]() {} };
}

function resolving(url: URL, options: EndpointsOptions): Endpoints {
  const { clock = systemClock, log, lookup = lookupAll } = options;
  const stop = new AbortController();
  let origins = NONE;
  async function resolve(): Promise<void> {
    try {
      const addresses = await lookup(url.hostname);
      const port = url.port === "" ? "" : `:${url.port}`;
      const found = addresses.map((address) =>
        `${url.protocol}//${address.includes(":") ? `[${address}]` : address}${port}`
      );
      if (found.length > 0) origins = keepIfEqual(origins, found.toSorted());
    } catch (error) {
      log?.warn("name not resolved", { name: url.hostname, error: String(error) });
    }
  }
  resolve().then(() => repeat(DNS_INTERVAL_MS, clock, stop.signal, resolve));
  return { current: () => origins, [Symbol.dispose]: () => stop.abort() };
}

function joined(sources: readonly Endpoints[]): Endpoints {
  let parts: readonly (readonly string[])[] = [];
  let all: readonly string[] = NONE;
  return {
    current() {
      const now = sources.map((source) => source.current());
      if (now.some((part, index) => part !== parts[index])) {
        parts = now;
        all = now.flat();
      }
      return all;
    },
    [Symbol.dispose]() {
      for (const source of sources) source[Symbol.dispose]();
    },
  };
}

async function repeat(
  intervalMs: number,
  clock: Clock,
  signal: AbortSignal,
  work: () => void | Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      // deno-lint-ignore no-await-in-loop -- one round after the other
      await clock.sleep(intervalMs, signal);
    } catch {
      return; // disposed
    }
    // deno-lint-ignore no-await-in-loop -- one round after the other
    await work();
  }
}

async function lookupAll(name: string): Promise<string[]> {
  const found = await systemLookup(name, { all: true });
  return found.map(({ address }) => address);
}

function keepIfEqual(old: readonly string[] | undefined, next: readonly string[]) {
  return old?.length === next.length && next.every((origin, i) => origin === old[i]) ? old : next;
}

function toUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "") {
    throw new TypeError(
      `Cannot parse endpoints: an http(s) URL without a path must be given, received "${text}"`,
    );
  }
  return url;
}
