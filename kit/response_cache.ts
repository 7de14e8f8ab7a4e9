/**
 * Keeps answers of a service for a short time, and drops them as soon as something is written.
 *
 * A write drops all answers of its service, on every replica of the gateway, whoever wrote: the news
 * comes from where the record is stored, in the same step. What was asked before a write is never kept
 * after it. While the news cannot be heard, nothing is answered from here.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { ChangeFeed } from "./change_feed.ts";
import type { Upstream, UpstreamSnapshot } from "./upstream.ts";
import type { HeaderFields } from "./upstream/headers.ts";
import type { UpstreamRequest } from "./upstream/request.ts";
import { asksForItsOwn, sharableBy } from "./upstream/shareable.ts";

/** Options of {@linkcode cacheAnswers}. */
export interface ResponseCacheOptions {
  /** Longest time that an answer is kept; `Cache-Control: max-age` can only shorten it. */
  ttlMs: number;
  feed: ChangeFeed;
  /** @default systemClock */
  clock?: Clock;
  /** Longest body that is kept. @default 65_536 */
  maxAnswerBytes?: number;
  /** Memory that the answers may take; beyond it the oldest are dropped. @default 8_388_608 */
  maxBytes?: number;
}

/** What the cache did since the start. */
export interface ResponseCacheSnapshot {
  entries: number;
  bytes: number;
  hits: number;
  misses: number;
}

/** What an answer takes besides its body and its path: fields, mostly. A guess on the safe side. */
const OVERHEAD_BYTES = 2_048;

interface Entry {
  bytes: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
  /** Request fields that the answer depends on, with their values. */
  vary: readonly (readonly [name: string, value: string | undefined])[];
  storedAtMs: number;
  expiresAtMs: number;
}

/** An upstream with a cache before it. */
export interface CachedUpstream extends Upstream {
  snapshot(): UpstreamSnapshot & { cache: ResponseCacheSnapshot };
}

/**
 * Puts a cache before `upstream`. Only GETs without credentials that ask for nothing of their own are
 * answered from it, only 200s are kept, and only when `Cache-Control`, `Vary` and `Set-Cookie` allow.
 *
 * @throws {RangeError} when `ttlMs` is not a positive number
 */
export function cacheAnswers(upstream: Upstream, options: ResponseCacheOptions): CachedUpstream {
  const { ttlMs, feed, clock = systemClock } = options;
  const { maxAnswerBytes = 65_536, maxBytes = 8_388_608 } = options;
  if (!(ttlMs > 0 && ttlMs < Infinity)) {
    throw new RangeError(
      `Cannot cache answers: ttlMs must be a positive number, received "${ttlMs}"`,
    );
  }
  const entries = new Map<string, Entry>();
  let bytes = 0;
  let hits = 0;
  let misses = 0;
  /** Moves on with each write: what was asked in an older one is not kept. */
  let generation = 0;

  feed.onChange((kind) => {
    if (kind !== undefined && kind !== upstream.name) return;
    generation++;
    entries.clear();
    bytes = 0;
  });

  function remove(key: string): void {
    bytes -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  }

  function find(key: string, headers: HeaderFields): Entry | undefined {
    const entry = entries.get(key);
    if (!entry || clock.now() >= entry.expiresAtMs) return undefined;
    const same = entry.vary.every(([name, value]) => headers[name] === value);
    return same ? entry : undefined;
  }

  async function keep(key: string, answer: Response, request: UpstreamRequest, asked: number) {
    const lifetimeMs = lifetime(answer, ttlMs);
    const vary = sharableBy(answer, maxAnswerBytes);
    if (answer.status !== 200 || !answer.body || lifetimeMs <= 0 || !vary) return answer;
    const [forClient, forCache] = answer.body.tee();
    const storedAtMs = clock.now();
    // Not bytes(): the Response that @hono/node-server puts in place of Node's has none.
    void new Response(forCache).arrayBuffer().then((buffer) => {
      if (asked !== generation) return;
      const body = new Uint8Array(buffer);
      remove(key);
      const entry: Entry = {
        bytes: body.byteLength + key.length + OVERHEAD_BYTES,
        headers: new Headers(answer.headers),
        body,
        vary: vary.map((name) => [name, request.headers?.[name]]),
        storedAtMs,
        expiresAtMs: storedAtMs + lifetimeMs,
      };
      entries.set(key, entry);
      bytes += entry.bytes;
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        remove(oldest);
      }
    }, () => {/* broken off: the client notices on its own half */});
    return await Promise.resolve(new Response(forClient, answer));
  }

  return {
    name: upstream.name,
    async send(request) {
      const { method, path, headers = {}, credentials = "" } = request;
      const mayShare = method === "GET" && credentials.trim() === "" && !asksForItsOwn(headers);
      // What is asked while writes go unheard may be old by the time that they are heard again.
      if (!mayShare || !feed.connected) return upstream.send(request);
      const entry = find(path, headers);
      if (entry) {
        hits++;
        return toAnswer(entry, clock.now());
      }
      misses++;
      const asked = generation;
      // Who asks after a write must not share the answer of who asked before it.
      const answer = await upstream.send({ ...request, credentials: `generation ${asked}` });
      return keep(path, answer, request, asked);
    },
    snapshot: () => ({
      ...upstream.snapshot(),
      cache: { entries: entries.size, bytes, hits, misses },
    }),
  };
}

/** RFC 9211 says that it was a hit, RFC 9111 how old it is. */
function toAnswer({ headers, body, storedAtMs }: Entry, nowMs: number): Response {
  const fields = new Headers(headers);
  fields.set("age", String(Math.floor((nowMs - storedAtMs) / 1000)));
  fields.set("cache-status", "gateway; hit");
  return new Response(body, { headers: fields });
}

/** How long the answer may be kept: what `Cache-Control` allows, at most `ttlMs`. */
function lifetime({ headers }: Response, ttlMs: number): number {
  const control = headers.get("cache-control") ?? "";
  if (/no-cache/i.test(control)) return 0;
  const shared = /\bs-maxage=(\d+)/i.exec(control) ?? /\bmax-age=(\d+)/i.exec(control);
  return shared ? Math.min(ttlMs, Number(shared[1]) * 1000) : ttlMs;
}
