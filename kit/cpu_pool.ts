/**
 * A bounded pool of worker threads: CPU-bound work leaves the event loop, and when there is more of it
 * than the threads can do, the caller is told at once instead of joining a longer queue.
 *
 * Threads start when they are first needed and end when they have been idle: an instance that gets no
 * such work pays nothing for the pool.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import type { BusyLoopResult } from "./busy_loop.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Problem } from "./problem.ts";

/** What a thread can be asked to do. */
export interface CpuTask {
  /** Milliseconds of CPU work. */
  ms: number;
  /** Work instead of time: then `ms` is what it is expected to take. */
  rounds?: number | undefined;
}

/** The part of a worker thread that the pool uses. */
export interface CpuWorker {
  postMessage(task: CpuTask): void;
  on(event: "message", listener: (result: BusyLoopResult) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "exit", listener: (code: number) => void): unknown;
  terminate(): Promise<number>;
}

/** Options of {@linkcode CpuPool}. */
export interface CpuPoolOptions {
  /** Threads at most. @default 2 */
  size?: number;
  /** Tasks that may wait for a thread. @default 16 */
  maxQueue?: number;
  /** A thread without work for this long is ended. @default 10_000 */
  idleMs?: number;
  /** @default systemClock */
  clock?: Clock;
  /** Starts a thread. @default a `node:worker_threads` worker that runs `cpu_pool_worker.ts` */
  spawn?: () => CpuWorker;
}

/** How busy a {@linkcode CpuPool} is. */
export interface CpuPoolStats {
  threads: number;
  running: number;
  queued: number;
}

interface Job {
  task: CpuTask;
  signal: AbortSignal | undefined;
  resolve(result: BusyLoopResult): void;
  reject(reason: unknown): void;
}

interface Thread {
  worker: CpuWorker;
  job: Job | undefined;
  /** Aborted when the thread gets work or ends. */
  idle: AbortController;
}

/** Runs {@linkcode CpuTask}s on worker threads. */
export class CpuPool {
  readonly #size: number;
  readonly #maxQueue: number;
  readonly #idleMs: number;
  readonly #clock: Clock;
  readonly #spawn: () => CpuWorker;
  readonly #threads = new Set<Thread>();
  readonly #queue: Job[] = [];
  #closed = false;

  /** @throws {RangeError} when `size` or `maxQueue` is not a whole number, or `idleMs` not a time */
  constructor(options: CpuPoolOptions = {}) {
    const {
      size = 2,
      maxQueue = 16,
      idleMs = 10_000,
      clock = systemClock,
      spawn = () => new Worker(new URL("./cpu_pool_worker.ts", import.meta.url)),
    } = options;
    const cannot = (rule: string, value: number) =>
      new RangeError(`Cannot create CPU pool: ${rule}, received "${value}"`);
    if (!Number.isInteger(size) || size < 1) throw cannot("size must be an integer >= 1", size);
    if (!Number.isInteger(maxQueue) || maxQueue < 0) {
      throw cannot("maxQueue must be an integer >= 0", maxQueue);
    }
    if (!(idleMs >= 0)) throw cannot("idleMs must be a number >= 0", idleMs);
    this.#size = size;
    this.#maxQueue = maxQueue;
    this.#idleMs = idleMs;
    this.#clock = clock;
    this.#spawn = spawn;
  }

  /** How busy the pool is now. */
  stats(): CpuPoolStats {
    const running = [...this.#threads].filter(({ job }) => job).length;
    return { threads: this.#threads.size, running, queued: this.#queue.length };
  }

  /**
   * Does the task on a thread. When `signal` aborts, a waiting task is dropped and a running one is
   * ended together with its thread.
   *
   * @throws {Problem} `overloaded` with `retry-after` when all threads are busy and the queue is full
   * @throws {Error} when the thread crashed
   * @throws the signal's reason
   */
  run(task: CpuTask, options: { signal?: AbortSignal } = {}): Promise<BusyLoopResult> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error("Cannot run task: the CPU pool is closed");
      signal?.throwIfAborted();
      const full = this.stats().running >= this.#size && this.#queue.length >= this.#maxQueue;
      if (full) throw this.#overloaded();
      const abort = () => this.#abort(job);
      const settled = () => signal?.removeEventListener("abort", abort);
      const job: Job = {
        task,
        signal,
        resolve: (result) => (settled(), resolve(result)),
        reject: (reason) => (settled(), reject(reason)),
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(job);
      this.#assign();
    });
  }

  /** Ends all threads; tasks that have not finished are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const reason = new Error("Cannot finish task: the CPU pool was closed");
    for (const job of this.#queue.splice(0)) job.reject(reason);
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, reason)));
  }

  #assign(): void {
    while (this.#queue.length > 0) {
      const thread = [...this.#threads].find(({ job }) => !job) ??
        (this.#threads.size < this.#size ? this.#start() : undefined);
      if (!thread) return;
      thread.idle.abort();
      thread.job = this.#queue.shift();
      if (thread.job) thread.worker.postMessage(thread.job.task);
    }
  }

  #start(): Thread {
    const thread: Thread = { worker: this.#spawn(), job: undefined, idle: new AbortController() };
    this.#threads.add(thread);
    let cause: unknown;
    thread.worker.on("message", (result) => {
      thread.job?.resolve(result);
      thread.job = undefined;
      this.#assign();
      if (!thread.job) this.#endWhenIdle(thread);
    });
    thread.worker.on("error", (error) => cause = error);
    thread.worker.on("exit", (code) => {
      const reason = `Cannot finish task: its thread ended with code ${code}`;
      this.#end(thread, new Error(reason, { cause }));
      this.#assign();
    });
    return thread;
  }

  /** Forgets the thread at once, so that a new one may start while this one winds down. */
  async #end(thread: Thread, reason: unknown): Promise<void> {
    if (!this.#threads.delete(thread)) return;
    thread.idle.abort();
    thread.job?.reject(reason);
    thread.job = undefined;
    await thread.worker.terminate();
  }

  #endWhenIdle(thread: Thread): void {
    thread.idle = new AbortController();
    this.#clock.sleep(this.#idleMs, thread.idle.signal).then(
      () => this.#end(thread, undefined),
      () => {/* it got work, or has ended */},
    );
  }

  #abort(job: Job): void {
    const reason = job.signal?.reason;
    const waiting = this.#queue.indexOf(job);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    const thread = [...this.#threads].find((thread) => thread.job === job);
    if (thread) this.#end(thread, reason);
    else job.reject(reason);
    this.#assign();
  }

  /** Says when to come back: after the work that is here, if the threads share it evenly. */
  #overloaded(): Problem {
    const jobs = [...this.#queue, ...[...this.#threads].flatMap(({ job }) => job ?? [])];
    const workMs = jobs.reduce((sum, { task }) => sum + task.ms, 0);
    const seconds = Math.max(1, Math.ceil(workMs / this.#size / 1000));
    return new Problem("overloaded", {
      detail: `Cannot queue CPU work: at most ${this.#maxQueue} tasks may wait`,
      headers: { "retry-after": String(seconds) },
    });
  }
}
