/**
 * A bounded pool of worker threads: CPU-bound work leaves the event loop, and when there is more of it
 * than the threads can do, the caller is told at once instead of joining a longer queue.
 *
 * The threads are piscina's: they start when they are first needed and end when they have been idle, so
 * an instance that gets no such work pays nothing for the pool. What waits for a thread waits here,
 * because piscina neither bounds nor orders tasks that can be aborted (docs/decisions.md).
 *
 * @module
 */
import { Piscina } from "piscina";
import type { BusyLoopResult } from "./busy_loop.ts";
import { Problem } from "./problem.ts";

/** What a thread can be asked to do. */
export interface CpuTask {
  /** Milliseconds of CPU work. */
  ms: number;
  /** Work instead of time: then `ms` is what it is expected to take. */
  rounds?: number | undefined;
}

/** The part of piscina that the pool uses. */
export interface CpuThreads {
  /** Does the task on a thread; when `signal` aborts, the thread is ended. */
  run(task: CpuTask, options: { signal: AbortSignal }): Promise<BusyLoopResult>;
  /** A thread crashed that had no task yet. */
  on(event: "error", listener: (error: unknown) => void): unknown;
  destroy(): Promise<void>;
}

/** Options of {@linkcode CpuPool}. */
export interface CpuPoolOptions {
  /** Threads at most. @default 2 */
  size?: number;
  /** Tasks that may wait for a thread. @default 16 */
  maxQueue?: number;
  /** A thread without work for this long is ended. @default 10_000 */
  idleMs?: number;
  /** Called when there is something to do. @default createPiscina */
  createThreads?: (options: { size: number; idleMs: number }) => CpuThreads;
}

/** How busy a {@linkcode CpuPool} is. */
export interface CpuPoolStats {
  running: number;
  queued: number;
}

interface Job {
  ms: number;
  begin(): void;
  end(reason: unknown): void;
}

/** Runs {@linkcode CpuTask}s on worker threads. */
export class CpuPool {
  readonly #size: number;
  readonly #maxQueue: number;
  readonly #create: () => CpuThreads;
  /** In order of arrival: the first `size` of them have a thread. */
  readonly #jobs = new Set<Job>();
  #threads: CpuThreads | undefined;
  #closed = false;

  /** @throws {RangeError} when `size` or `maxQueue` is not a whole number, or `idleMs` not a time */
  constructor(options: CpuPoolOptions = {}) {
    const { size = 2, maxQueue = 16, idleMs = 10_000, createThreads = createPiscina } = options;
    const cannot = (rule: string, value: number) =>
      new RangeError(`Cannot create CPU pool: ${rule}, received "${value}"`);
    if (!Number.isInteger(size) || size < 1) throw cannot("size must be an integer >= 1", size);
    if (!Number.isInteger(maxQueue) || maxQueue < 0) {
      throw cannot("maxQueue must be an integer >= 0", maxQueue);
    }
    if (!(idleMs >= 0)) throw cannot("idleMs must be a number >= 0", idleMs);
    this.#size = size;
    this.#maxQueue = maxQueue;
    this.#create = () => createThreads({ size, idleMs });
  }

  /** How busy the pool is now. */
  stats(): CpuPoolStats {
    const running = Math.min(this.#jobs.size, this.#size);
    return { running, queued: this.#jobs.size - running };
  }

  /**
   * Does the task on a thread. When `signal` aborts, a waiting task is dropped and a running one is
   * ended together with its thread.
   *
   * @throws {Problem} `overloaded` with `retry-after` when all threads are busy and the queue is full
   * @throws {Error} when the thread crashed
   * @throws the signal's reason
   */
  async run(task: CpuTask, options: { signal?: AbortSignal } = {}): Promise<BusyLoopResult> {
    const { signal } = options;
    if (this.#closed) throw new Error("Cannot run task: the CPU pool is closed");
    signal?.throwIfAborted();
    if (this.#jobs.size >= this.#size + this.#maxQueue) throw this.#overloaded();
    const turn = Promise.withResolvers<void>();
    const ended = new AbortController();
    const stop = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    stop.addEventListener("abort", () => turn.reject(stop.reason), { once: true });
    const job: Job = { ms: task.ms, begin: turn.resolve, end: (reason) => ended.abort(reason) };
    this.#jobs.add(job);
    this.#beginNext();
    try {
      await turn.promise;
      stop.throwIfAborted();
      this.#threads ??= this.#start();
      return await this.#threads.run(task, { signal: stop });
    } catch (cause) {
      stop.throwIfAborted();
      throw threadEnded(cause);
    } finally {
      this.#jobs.delete(job);
      this.#beginNext();
    }
  }

  /** Ends all threads; tasks that have not finished are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#endAll(new Error("Cannot finish task: the CPU pool was closed"));
  }

  #beginNext(): void {
    for (const job of [...this.#jobs].slice(0, this.#size)) job.begin();
  }

  #start(): CpuThreads {
    const threads = this.#create();
    // Piscina would let the tasks wait for ever that the crashed thread was started for.
    threads.on("error", (cause) => {
      if (this.#threads === threads) void this.#endAll(threadEnded(cause));
    });
    return threads;
  }

  async #endAll(reason: Error): Promise<void> {
    const threads = this.#threads;
    this.#threads = undefined;
    for (const job of this.#jobs) job.end(reason);
    await threads?.destroy();
  }

  /** Says when to come back: after the work that is here, if the threads share it evenly. */
  #overloaded(): Problem {
    const workMs = [...this.#jobs].reduce((sum, { ms }) => sum + ms, 0);
    const seconds = Math.max(1, Math.ceil(workMs / this.#size / 1000));
    return new Problem("overloaded", {
      detail: `Cannot queue CPU work: at most ${this.#maxQueue} tasks may wait`,
      headers: { "retry-after": String(seconds) },
    });
  }
}

/** Options of {@linkcode createPiscina}. */
export interface PiscinaOptions {
  size: number;
  idleMs: number;
  /** Module that exports `runTask`. @default `cpu_pool_worker.ts` */
  worker?: URL;
}

/** Piscina as the pool needs it. */
export function createPiscina(options: PiscinaOptions): Piscina {
  const { size, idleMs, worker = new URL("./cpu_pool_worker.ts", import.meta.url) } = options;
  return new Piscina({
    filename: worker.href,
    name: "runTask",
    minThreads: 0,
    maxThreads: size,
    idleTimeout: idleMs,
    // Both are for many small tasks: these are few, and nobody looks at the times.
    atomics: "disabled",
    recordTiming: false,
  });
}

function threadEnded(cause: unknown): Error {
  return new Error("Cannot finish task: its thread ended", { cause });
}
