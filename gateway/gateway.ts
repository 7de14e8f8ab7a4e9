/**
 * What the parts of the gateway share: what it is made of, and the type of its app.
 *
 * @module
 */
import type { Hono } from "hono";
import type { Clock } from "../kit/clock.ts";
import type { CpuPool } from "../kit/cpu_pool.ts";
import type { FindOrigin } from "../kit/forwarded.ts";
import type { InstanceContext, InstanceEnv } from "../kit/instance_app.ts";
import type { Counter } from "../kit/store/counter.ts";
import type { RateLimiter } from "../kit/store/rate_limiter.ts";
import type { SessionStore } from "../kit/store/session_store.ts";
import type { Upstream } from "../kit/upstream.ts";
import type { GatewayConfig } from "./config.ts";

/** The services behind the gateway. */
export const UPSTREAMS = ["users", "orders", "payments"] as const;
/** One of {@linkcode UPSTREAMS}. */
export type UpstreamName = (typeof UPSTREAMS)[number];

/** What a gateway is made of. */
export interface GatewayParts {
  context: InstanceContext;
  config: GatewayConfig;
  upstreams: Readonly<Record<UpstreamName, Upstream>>;
  /** Counts that all replicas share. */
  counter: Counter;
  sessionStore: SessionStore;
  /** Of `/api/limited`. */
  limiter: RateLimiter;
  /** Signs and checks tokens. */
  jwtSecret?: string;
  /** Finds the secret when none was given; without either, there are no tokens. */
  findJwtSecret?: () => Promise<string>;
  cpuPool: Pick<CpuPool, "run">;
  clock: Clock;
  findOrigin: FindOrigin;
}

/** The app that routes are added to. */
export type GatewayApp = Hono<InstanceEnv>;
