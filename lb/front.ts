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

const address = z.string().regex(/^[A-Za-z0-9.-]+:\d{1,5}$/);

const replica = z.object({
  /** The replica's instance id, for comments in the rendered text. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** `host:port`. */
  address,
});

/** Replicas behind one DNS name, resolved again and again (nginx needs >= 1.27.3 for it). */
const discovery = z.object({
  /** `name:port`; every address of the name is a replica. */
  name: address,
  /** The DNS server that nginx asks; Caddy uses the system's. */
  resolver: z.string().regex(/^[0-9A-Fa-f.:]+$/),
});
/** Replicas behind one DNS name. */
export type Discovery = z.infer<typeof discovery>;

/** Schema of {@linkcode Front}. */
export const frontSchema = z.strictObject({
  kind: frontKindSchema,
  /** `x-instance-id` of the answers that the front makes itself; tells two fronts on one port apart. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/).default("front"),
  policy: z.enum(POLICIES),
  /** Address that the front listens on. */
  host: z.string().regex(/^[0-9A-Fa-f.:]+$/).default("127.0.0.1"),
  port: z.int().min(1).max(65535),
  /** The gateway replicas: a list, or a name that is resolved while running. */
  upstreams: z.union([z.array(replica).min(1), discovery]),
  /**
   * Reverse proxies in front of this one, as CIDR ranges: the last address of their `X-Forwarded-For`
   * is the client, their `X-Forwarded-Proto` the scheme. From anybody else both are replaced.
   */
  trustedProxies: z.array(z.string().regex(/^[0-9A-Fa-f.:]+\/\d{1,3}$/)).default([]),
  /** Largest request body in bytes; beyond it the front answers 413. */
  maxBodyBytes: z.int().positive().default(1_048_576),
  /** Longest request target; beyond it the front answers 414. */
  maxUriBytes: z.int().positive().default(8_192),
  /** Largest request header; beyond it the front answers 431. */
  maxHeaderBytes: z.int().positive().default(16_384),
  /** Time to establish a connection to a replica. */
  connectTimeoutMs: z.int().positive().default(500),
  /** Longest silence of a replica before the front answers 504. */
  responseTimeoutMs: z.int().positive().default(30_000),
  /** Longest wait for a client's header, and for its body (Caddy) or the next piece of it (nginx). */
  clientTimeoutMs: z.int().positive().default(10_000),
  /** Idle time after which a client's connection is closed. */
  idleTimeoutMs: z.int().positive().default(65_000),
  /** Total time in which a request may be tried on other replicas. */
  retryWindowMs: z.int().positive().default(5_000),
  /**
   * A replica that failed to answer is left out for this long. nginx only: Caddy counts a client's
   * broken body as a failure of the replica, so that any client could have replicas left out.
   */
  ejectMs: z.int().positive().multipleOf(1_000).default(1_000),
  /** Idle connections kept open to the replicas. */
  keepAliveConnections: z.int().positive().default(64),
  /** Longest time that requests in flight get to finish when the front stops or is reloaded. */
  drainMs: z.int().positive().default(30_000),
  /**
   * Active checks, `GET /readyz` of every listed replica: one that does not answer 200 in time is left
   * out until it does. Caddy only: open-source nginx has none, and Caddy's never run on a DNS name.
   */
  activeCheck: z.object({
    intervalMs: z.int().positive().default(250),
    timeoutMs: z.int().positive().default(500),
  }).prefault({}),
}).refine(({ maxHeaderBytes, maxUriBytes }) => maxHeaderBytes >= maxUriBytes, {
  path: ["maxHeaderBytes"],
  message: "must be at least maxUriBytes",
});

/** A front, complete: everything that its configuration file says. */
export type Front = z.infer<typeof frontSchema>;
/** What must be given to make a {@linkcode Front}; the rest has defaults. */
export type FrontInput = z.input<typeof frontSchema>;

/** The program that a {@linkcode Front} is rendered for. */
export interface FrontProgram {
  /** Dotted version; the text uses what it knows. */
  version: string;
  /** Absolute path of a folder of its own, mode 0700, for its sockets and state. */
  directory: string;
}
