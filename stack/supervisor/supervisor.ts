/**
 * What a running system is, whatever it runs on: it starts as a whole or leaves nothing, changes one
 * thing after the other, can be reached through its control socket, and stops once, whoever asks for it.
 * How parts are started, changed and stopped is the affair of its engine.
 *
 * @module
 */
import type { Clock } from "../../kit/clock.ts";
import {
  type FrontChange,
  type LogOptions,
  type ScalableService,
  type Stack,
  StackError,
  type StackStatus,
} from "../stack.ts";
import { serveControl } from "./control.ts";
import { type HeldStateDir, removeVolatile } from "./state_dir.ts";

const MAX_REPLICAS = 64;

/** Processes or containers. Never called for two changes at a time, nor for one after `stop`. */
export interface Engine extends Omit<Stack, "down"> {
  /** Where the front answers. */
  readonly url: string;
  /** Starts everything; resolves when it serves. */
  start(): Promise<void>;
  /**
   * Drains and stops what was started, also when `start` failed or still goes on. The front first, so
   * that nothing new comes in; Redis last, so that all can finish what they have.
   */
  stop(): Promise<void>;
}

/** What an engine is given. */
export interface Supervision {
  /** Aborts when the stack goes down. */
  closing: AbortSignal;
  /** Runs a change that nobody asked for when those before it are done; rejects when going down. */
  change(change: () => Promise<void>): Promise<void>;
}

/** Options of a stack that are not the user's. */
export interface StartOptions {
  /** Absolute path of the state directory. */
  stateDir: string;
  /** @default systemClock */
  clock?: Clock;
  /** Brings the stack down when it aborts, also while it starts. */
  signal?: AbortSignal;
}

/** A stack that lives in this process. */
export class Supervisor implements Stack, AsyncDisposable {
  readonly #held: HeldStateDir;
  readonly #engine: Engine;
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  /** Changes happen one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  #control: AsyncDisposable | undefined;
  #stopped: Promise<void> | undefined;
  #down: Promise<void> | undefined;

  private constructor(held: HeldStateDir, createEngine: (supervision: Supervision) => Engine) {
    this.#held = held;
    this.#closed.promise.catch(() => {}); // nobody needs to wait for it
    this.#engine = createEngine({
      closing: this.#closing.signal,
      change: (change) => this.#change(change),
    });
  }

  /**
   * Starts everything; resolves when a request through the front is answered.
   *
   * @param held is let go of when the stack is down
   * @throws {StackError} with one line when something does not start; nothing is left running then
   */
  static async start(
    createEngine: (supervision: Supervision) => Engine,
    { held, signal }: { held: HeldStateDir; signal?: AbortSignal | undefined },
  ): Promise<Supervisor> {
    const stack = new Supervisor(held, createEngine);
    const { signal: closing } = stack.#closing;
    const stop = () => void stack.down();
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
    try {
      closing.throwIfAborted();
      await stack.#engine.start();
      closing.throwIfAborted();
      stack.#serveControl();
      return stack;
    } catch (error) {
      const interrupted = closing.aborted;
      await stack.down();
      if (interrupted) {
        throw new StackError("Cannot start the stack: it was told to stop", { exitCode: 1 });
      }
      throw error;
    }
  }

  /** Resolves when the stack is down, whoever asked for it; rejects when it could not be stopped. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Where the front answers. */
  get url(): string {
    return this.#engine.url;
  }

  status(): Promise<StackStatus> {
    return this.#engine.status();
  }

  scale(target: Partial<Record<ScalableService, number>>): Promise<void> {
    return this.#change(() => {
      for (const [service, count] of Object.entries(target)) {
        if (!Number.isInteger(count) || count < 1 || count > MAX_REPLICAS) {
          const rule = `replicas must be a whole number from 1 to ${MAX_REPLICAS}`;
          throw new StackError(`Cannot scale ${service}: ${rule}, received "${count}"`);
        }
      }
      return this.#engine.scale(target);
    });
  }

  setFront(change: FrontChange): Promise<void> {
    return this.#change(() => this.#engine.setFront(change));
  }

  logs(options: LogOptions = {}): AsyncIterable<string> {
    const closing = this.#closing.signal;
    const signal = options.signal ? AbortSignal.any([options.signal, closing]) : closing;
    return this.#engine.logs({ ...options, signal });
  }

  kill(instance: string, signal: Parameters<Stack["kill"]>[1]): Promise<void> {
    return this.#engine.kill(instance, signal);
  }

  down(): Promise<void> {
    if (!this.#down) {
      this.#down = this.#stop().finally(async () => {
        await this.#control?.[Symbol.asyncDispose]();
        this.#held.lock.close();
      });
      this.#down.then(this.#closed.resolve, this.#closed.reject);
    }
    return this.#down;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down();
  }

  #serveControl(): void {
    this.#control = serveControl(this, this.#held.dir.socket, async () => {
      await this.#stop();
      void this.down(); // the rest waits until this request has its answer
    });
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => {
      if (this.#closing.signal.aborted) {
        throw new StackError("Cannot change the stack: it is going down");
      }
      return change();
    });
    this.#changes = done.catch(() => {}); // its caller is told; the next change must not be
    return done;
  }

  #stop(): Promise<void> {
    this.#closing.abort();
    this.#stopped ??= (async () => {
      await this.#changes;
      await this.#engine.stop();
      removeVolatile(this.#held.dir);
    })().catch((error) => {
      this.#stopped = undefined; // whoever asks again may have more luck
      throw error;
    });
    return this.#stopped;
  }
}
