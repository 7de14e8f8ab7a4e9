/**
 * What the gateway reads from the environment beyond what every instance does.
 *
 * @module
 */
import { z } from "zod";
import { integerText } from "../kit/runtime/env.ts";
import { LAYERS } from "../kit/upstream.ts";

const urls = z.string().min(1);

/** Schema of {@linkcode GatewayConfig}. */
export const gatewayConfigSchema = z.object({
  /** JSON file `{"users": ["http://..."], ...}`, followed while it changes; wins over the `*_URL`s. */
  UPSTREAMS_FILE: z.string().min(1).optional(),
  /** Comma lists of base URLs; `dns+http://name:port` is resolved every second. */
  USERS_URL: urls.default("http://127.0.0.1:3001"),
  ORDERS_URL: urls.default("http://127.0.0.1:3002"),
  PAYMENTS_URL: urls.default("http://127.0.0.1:3003"),
  /**
   * Longest time from a request's arrival to what the services answer: to its end where the gateway reads it, to its
   * header where it streams through. Blocks of this process do not count.
   */
  UPSTREAM_TIMEOUT_MS: integerText({ min: 1, max: 600_000 }).default(2_000),
  /** Whether an overloaded replica refuses requests with 503 (see kit/load_shedder.ts). */
  SHEDDING: z.enum(["on", "off"]).default("on"),
  /** What carries GETs to the services: `direct` is a client of our own (on Deno, see kit/runtime/http_client.ts). */
  HTTP_CLIENT: z.enum(["direct", "fetch"]).default("direct"),
  /** Requests in flight at most. */
  MAX_IN_FLIGHT: integerText({ min: 1, max: 100_000 }).default(1_024),
  /** A request that waited longer since the front took it is refused. */
  MAX_QUEUE_AGE_MS: integerText({ min: 1, max: 60_000 }).default(5_000),
  /** Requests to one service at a time; more are refused. */
  MAX_CONCURRENT: integerText({ min: 1, max: 100_000 }).default(256),
  /** A GET without an answer after this time is sent to a second replica of the service as well. */
  HEDGE_AFTER_MS: integerText({ min: 1, max: 600_000 }).default(250),
  /** Layers of the upstream client to leave out, as a comma list; the lab's lever. */
  LAYERS_OFF: z.string().default("").transform((list) => list.split(",").filter((name) => name))
    .pipe(z.array(z.enum(LAYERS, `must be a comma list of ${LAYERS.join(", ")}`))),
  /** Longest request body that is passed on. */
  MAX_BODY_BYTES: integerText({ min: 0, max: 1_073_741_824 }).default(1_048_576),
  /** CIDR ranges of the fronts whose `X-Forwarded-*` is believed; private networks unless given. */
  TRUSTED_PROXIES: z.string().transform((list) => list.split(",").map((range) => range.trim()))
    .optional(),
  /** Comma list of origins whose pages may use the API from a browser; none unless given. */
  CORS_ORIGINS: z.string().default("").transform((list) => list.split(",").filter((text) => text))
    .pipe(z.array(z.string().regex(/^https?:\/\/[^/\s*]+$/, "must be a comma list of origins"))),
  STORE: z.enum(["redis", "memory"], "must be redis or memory").default("redis"),
  REDIS_URL: z.string().min(1).default("redis://127.0.0.1:6379"),
  /** Password of every user (see credentials.ts); without one, nobody can log in. */
  DEMO_PASSWORD: z.string().min(1).optional(),
  /** File that holds the secret that all replicas sign tokens with. */
  JWT_SECRET_FILE: z.string().min(1).optional(),
  /** Without such a file: whether replicas share a secret through Redis, or there are no tokens. */
  JWT_SECRET_SHARED: z.enum(["on", "off"]).default("off"),
  /** A session ends when it was not used for the first, at the latest after the second. */
  SESSION_IDLE_MS: integerText({ min: 1, max: 31_536_000_000 }).default(1_800_000),
  SESSION_ABSOLUTE_MS: integerText({ min: 1, max: 31_536_000_000 }).default(43_200_000),
  /** Longest time that answers of services are kept (see kit/response_cache.ts); 0 keeps none. */
  CACHE_TTL_MS: integerText({ min: 0, max: 3_600_000 }).default(0),
  /** Names this run of the system: the demonstration's shared counter starts at 1 with each. */
  RUN_ID: z.string().regex(/^[a-z0-9-]{1,64}$/, "must match [a-z0-9-]{1,64}").default("default"),
  /** Time for which each request under /api (but `/api/metrics`) computes first: to see that the lab notices. 0 is none. */
  HANDICAP_US: integerText({ min: 0, max: 1_000_000 }).default(0),
  /** Waits of `/api/wait` at a time, more queue: a replica of declared capacity, for the lab. 0 is no limit. */
  WAIT_LIMIT: integerText({ min: 0, max: 100_000 }).default(0),
  /** Threads for blocking work, and how many tasks may wait for them. */
  CPU_POOL_SIZE: integerText({ min: 1, max: 64 }).default(2),
  CPU_POOL_QUEUE: integerText({ min: 0, max: 10_000 }).default(16),
});
/** The gateway's settings, defaults filled in. */
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
