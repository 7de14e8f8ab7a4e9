/**
 * Takes replicas out that fail while others serve: passive outlier ejection, as Envoy does it.
 *
 * @module
 */
import type { Endpoint } from "./balancer.ts";

/** Options of {@linkcode Ejector}. */
export interface EjectorOptions {
  /** Failures in a row that eject a replica. @default 5 */
  consecutiveFailures?: number;
  /** First time out; grows by as much each time. @default 5000 */
  ejectMs?: number;
  /** Longest time out. @default 60000 */
  maxEjectMs?: number;
  /** One earlier ejection is forgotten for each such time that a replica was in. @default 30_000 */
  forgetMs?: number;
  /** Largest share of the replicas that may be out at once. @default 0.67 */
  maxShare?: number;
}

/**
 * Requests that pass a replica over after a failure, times its failures in a row. Its failure cost a retry, and so many
 * requests earn one (`ratio` of the budget, 0.2): so the budget that pays for the first failures pays for all.
 */
const PASS_OVER = 5;

/** Decides which replicas take no requests for a while. */
export class Ejector {
  readonly #consecutiveFailures: number;
  readonly #ejectMs: number;
  readonly #maxEjectMs: number;
  readonly #forgetMs: number;
  readonly #maxShare: number;

  /** @throws {RangeError} when an option is not in its range */
  constructor(options: EjectorOptions = {}) {
    const { consecutiveFailures = 5, ejectMs = 5_000, maxEjectMs = 60_000 } = options;
    const { forgetMs = 30_000, maxShare = 0.67 } = options;
    check(
      "consecutiveFailures must be an integer >= 1",
      consecutiveFailures,
      Number.isInteger(consecutiveFailures) && consecutiveFailures >= 1,
    );
    check("ejectMs must be > 0", ejectMs, ejectMs > 0);
    check("maxEjectMs must be >= ejectMs", maxEjectMs, maxEjectMs >= ejectMs);
    check("forgetMs must be > 0", forgetMs, forgetMs > 0);
    check("maxShare must be in [0, 1]", maxShare, maxShare >= 0 && maxShare <= 1);
    this.#consecutiveFailures = consecutiveFailures;
    this.#ejectMs = ejectMs;
    this.#maxEjectMs = maxEjectMs;
    this.#forgetMs = forgetMs;
    this.#maxShare = maxShare;
  }

  /** A replica answered well. Its earlier ejections are not forgotten by that: one that flaps stays out longer each time. */
  succeeded(endpoint: Endpoint): void {
    endpoint.consecutiveFailures = 0;
  }

  /**
   * A replica failed. It is ejected when it failed often enough in a row; one that comes back keeps its
   * count, so that its next failure ejects it again.
   *
   * @returns whether it was ejected now
   */
  failed(endpoint: Endpoint, all: readonly Endpoint[], nowMs: number): boolean {
    // Of a hundred that break off together the others need not earn a hundred.
    endpoint.passOver = PASS_OVER *
      Math.min(++endpoint.consecutiveFailures, this.#consecutiveFailures);
    if (endpoint.consecutiveFailures < this.#consecutiveFailures) return false;
    if (endpoint.ejectedUntilMs > nowMs) return false;
    const out = all.filter(({ ejectedUntilMs }) => ejectedUntilMs > nowMs).length;
    if (out + 1 > this.#maxShare * all.length) return false;
    const inForMs = nowMs - endpoint.ejectedUntilMs;
    endpoint.ejections = Math.max(0, endpoint.ejections - Math.floor(inForMs / this.#forgetMs)) + 1;
    endpoint.ejectedUntilMs = nowMs +
      Math.min(this.#maxEjectMs, this.#ejectMs * endpoint.ejections);
    return true;
  }
}

function check(rule: string, value: number, holds: boolean): void {
  if (!holds) throw new RangeError(`Cannot create ejector: ${rule}, received "${value}"`);
}
