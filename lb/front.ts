/**
 * The front (reverse proxy and load balancer) as data. One value renders to nginx and to Caddy, so that
 * policy, timeouts, retries and limits mean the same on both; otherwise comparing the two compares
 * their defaults.
 *
 * @module
 */
import { z } from "zod";

/** The balancers that a front can be. */
export const frontKindSchema: z.ZodEnum<{ nginx: "nginx"; caddy: "caddy" }> = z.enum([
  "nginx",
  "caddy",
]);
/** `nginx` or `caddy`. */
export type FrontKind = z.infer<typeof frontKindSchema>;

/** The policies that both balancers can follow. */
export const POLICIES = ["round-robin", "least-conn", "ip-hash", "two-choices"] as const;
/** One of {@linkcode POLICIES}. */
export type Policy = (typeof POLICIES)[number];

const upstream = z.object({
  /** The replica's instance id, for comments in the rendered text. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** `host:port`. */
  address: z.string().regex(/^[A-Za-z0-9.-]+:\d{1,5}$/),
  /**
   * `host:port` of the replica's heartbeat port, which answers `GET /readyz` even while its event loop
   * is blocked. A front that checks actively (Caddy) polls it.
   */
  healthAddress: z.string().regex(/^[A-Za-z0-9.-]+:\d{1,5}$/).optional(),
});

/** Schema of {@linkcode Front}. */
export const frontSchema = z.object({
  kind: frontKindSchema,
  policy: z.enum(POLICIES),
  /** Address that the front listens on. */
  host: z.string().default("127.0.0.1"),
  port: z.int().min(1).max(65535),
  upstreams: z.array(upstream).min(1),
  /** Reverse proxies in front of this one whose `X-Forwarded-For` is believed, as CIDR ranges. */
  trustedProxies: z.array(z.string()).default([]),
  /** Largest request body in bytes; beyond it the front answers 413. */
  maxBodyBytes: z.int().positive().default(1_048_576),
  /** Time to establish a connection to a replica. */
  connectTimeoutMs: z.int().positive().default(500),
  /** Longest silence of a replica before the front answers 504. */
  responseTimeoutMs: z.int().positive().default(30_000),
  /** Longest wait for a client's header, and for the next piece of its body. */
  clientTimeoutMs: z.int().positive().default(10_000),
  /** Total time in which a request may be tried on other replicas. */
  retryWindowMs: z.int().positive().default(5_000),
  /** A replica that failed to answer is left out for this long (passive health). */
  ejectMs: z.int().positive().default(1_000),
  /** Idle connections kept open to the replicas. */
  keepAliveConnections: z.int().positive().default(64),
  /** Active checks of `healthAddress` (Caddy only; open-source nginx has none). */
  activeCheckIntervalMs: z.int().positive().default(250),
});

/** A front, complete: everything that its configuration file says. */
export type Front = z.infer<typeof frontSchema>;
/** What must be given to make a {@linkcode Front}; the rest has defaults. */
export type FrontInput = z.input<typeof frontSchema>;
