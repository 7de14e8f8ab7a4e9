/**
 * Further attempts for requests that may be repeated: after a failure (retry), and beside one that takes
 * long (hedge). Both draw on one budget.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { Problem } from "../problem.ts";
import { type Attempts, discard, isFailure } from "./attempts.ts";
import type { Endpoint } from "./balancer.ts";
import type { RetryBudget } from "./budget.ts";
import type { UpstreamRequest } from "./request.ts";
import type { SharedTimers } from "./shared_timers.ts";

/** Options of {@linkcode Retries}. */
export interface RetriesOptions {
  attempts: Attempts;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  timers: SharedTimers;
  budget: RetryBudget;
  /** Retries of one request at most; 0 for none. */
  maxRetries: number;
  /** A GET without an answer after this time is sent to a second replica; `Infinity` for never. */
  hedgeAfterMs: number;
}

/** Pauses before retries are random up to this, doubled each time ("full jitter"). */
const BACKOFF_MS = 25;

/** Sends requests, more than once where that is safe and useful. */
export class Retries {
  readonly #options: RetriesOptions;
  #retried = 0;
  #hedged = 0;

  constructor(options: RetriesOptions) {
    this.#options = options;
  }

  /** Attempts made because one had failed. */
  get retried(): number {
    return this.#retried;
  }

  /** Attempts made because one took long. */
  get hedged(): number {
    return this.#hedged;
  }

  /** Sends `request`; what can change something is sent once. */
  send(request: UpstreamRequest): Promise<Response> {
    if (request.method === "GET" || request.method === "HEAD") return this.#try(request);
    const { attempts } = this.#options;
    return attempts.send(attempts.pick(), request);
  }

  async #try(request: UpstreamRequest, tried = 0, avoid?: Endpoint): Promise<Response> {
    const { attempts, budget, clock, random, maxRetries } = this.#options;
    const endpoint = attempts.pick(avoid);
    let failure: Response | Problem;
    try {
      const answer = await this.#hedge(endpoint, request);
      if (!isFailure(answer)) return answer;
      failure = answer;
    } catch (error) {
      // Refusals stand, and after the deadline there is nothing to win.
      if (!(error instanceof Problem) || error.type !== "bad-gateway") throw error;
      failure = error;
    }
    const pauseMs = random() * BACKOFF_MS * 2 ** tried;
    const inTime = clock.now() + pauseMs < request.deadlineAtMs;
    if (tried >= maxRetries || !inTime || !budget.take()) {
      if (failure instanceof Problem) throw failure;
      return failure;
    }
    try {
      if (!(failure instanceof Problem)) discard(failure);
      await clock.sleep(pauseMs);
      this.#retried++;
      return await this.#try(request, tried + 1, endpoint);
    } finally {
      budget.giveBack();
    }
  }

  #hedge(endpoint: Endpoint, request: UpstreamRequest): Promise<Response> {
    const { attempts, clock, timers, hedgeAfterMs } = this.#options;
    const first = attempts.send(endpoint, request);
    if (hedgeAfterMs === Infinity || !attempts.hasChoice) return first;
    const lateAtMs = clock.now() + hedgeAfterMs;
    return timers.otherwise(first, lateAtMs, () => this.#overtake(endpoint, request, first));
  }

  /** Asks another replica beside one that takes long. */
  async #overtake(
    endpoint: Endpoint,
    request: UpstreamRequest,
    first: Promise<Response>,
  ): Promise<Response> {
    const { attempts, budget } = this.#options;
    if (!attempts.hasOther(endpoint) || !budget.take()) return await first;
    this.#hedged++;
    const second = this.#again(endpoint, request);
    if (!await secondWins(first, second)) {
      second.then(discard, ignoreLoser);
      return await first;
    }
    first.then(discard, ignoreLoser);
    // A replica that lets another overtake it looks hung; if it is only slow, its next success clears it.
    attempts.blame(endpoint);
    return await second;
  }

  async #again(avoid: Endpoint, request: UpstreamRequest): Promise<Response> {
    const { attempts, budget } = this.#options;
    try {
      return await attempts.send(attempts.pick(avoid), request);
    } finally {
      budget.giveBack();
    }
  }
}

/** Whether `second` is the first to answer well; `false` when neither does. */
async function secondWins(first: Promise<Response>, second: Promise<Response>): Promise<boolean> {
  const good = async (answer: Promise<Response>, result: boolean) => {
    if (isFailure(await answer)) throw new Error("Not a good answer");
    return result;
  };
  try {
    return await Promise.any([good(first, false), good(second, true)]);
  } catch {
    return false;
  }
}

function ignoreLoser(): void {
  // What became of it is already counted.
}
