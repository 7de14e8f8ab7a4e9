/**
 * One supervised process: started as leader of its own session (a Ctrl-C of the terminal does not reach
 * it), watched until it serves, started again with growing pauses when it ends by itself.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import { type INSTANCE_STATES, type ServiceName, StackError } from "../stack.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";
import type { LogFiles } from "../log_files.ts";
import { killSession, sendSignal, sessionMembers } from "../proc.ts";
import { release, spawnSession } from "./spawn.ts";

/** How to start an instance and how to know that it serves. */
export interface LaunchSpec {
  id: string;
  service: ServiceName;
  /** `http://127.0.0.1:PORT`, also of redis. */
  address: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** One look; `true` when it serves. May reject: that is "not yet". */
  probe(signal: AbortSignal): Promise<boolean>;
  /** Asks it, workers included, to finish what it does and end. @default SIGTERM to the leader */
  askToEnd?(leader: ProcessRef): void;
  /** Longest time from the signal to its end; then it is killed. */
  stopTimeoutMs: number;
}

/** A process, for good: a number that is used again has another start time. */
export type ProcessRef = Readonly<Pick<LedgerEntry, "pid" | "startTime">>;

/** One of {@linkcode INSTANCE_STATES}. */
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** What an instance needs from its supervisor. */
export interface InstanceOptions {
  ledger: Ledger;
  logs: LogFiles;
  /** @default systemClock */
  clock?: Clock;
  /** Longest time from start to serving. @default 30000 */
  startTimeoutMs?: number;
}

const PROBE_EVERY_MS = 20;
const PROBE_TIMEOUT_MS = 1_000;
const END_POLL_MS = 20;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** After serving for this long a crash counts as the first one again. */
const STABLE_MS = 10_000;
/** Pause before the `n`-th restart in a row (n from 0), in ms. */
export function backoffMs(n: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** n);
}

/** A supervised process. */
export class Instance {
  readonly spec: LaunchSpec;
  readonly #ledger: Ledger;
  readonly #logs: LogFiles;
  readonly #clock: Clock;
  readonly #startTimeoutMs: number;
  readonly #stopping = new AbortController();
  #state: InstanceState = "starting";
  #restarts = 0;
  #process: LedgerEntry | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(spec: LaunchSpec, options: InstanceOptions) {
    const { ledger, logs, clock = systemClock, startTimeoutMs = 30_000 } = options;
    this.spec = spec;
    this.#ledger = ledger;
    this.#logs = logs;
    this.#clock = clock;
    this.#startTimeoutMs = startTimeoutMs;
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** Times that it was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The process, while there is one. */
  get process(): ProcessRef | undefined {
    return this.#process;
  }

  /**
   * Starts it; resolves when it serves for the first time. From then on it is kept alive.
   *
   * @throws {StackError} when it ends, or does not serve in time
   */
  async start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#ended = this.#keepAlive(resolve).catch(reject);
    // Ending before it ever served: stop() was called meanwhile.
    const stopped = this.#ended.then(() => {
      throw new StackError(`Cannot start ${this.spec.id}: it was stopped before it served`);
    });
    await Promise.race([promise, stopped]);
  }

  /** Says that it is about to be stopped: it has left the front and finishes what it has. */
  markDraining(): void {
    if (this.#state === "ready") this.#state = "draining";
  }

  /** Asks it to end, waits, kills what does not end in time. Never starts again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const leader = this.#process;
    if (leader) {
      this.#state = "draining";
      if (this.spec.askToEnd) this.spec.askToEnd(leader);
      else sendSignal(leader.pid, "SIGTERM");
      sendSignal(-leader.pid, "SIGCONT"); // one that is frozen could not answer
      const inTime = new AbortController();
      const late = this.#clock.sleep(this.spec.stopTimeoutMs, inTime.signal).then(
        () => {
          this.#logs.write("warn", "killed: it did not end in time", { target: this.spec.id });
          return killSession(leader);
        },
        () => {}, // it ended in time
      );
      await Promise.race([this.#ended, late]);
      inTime.abort();
    }
    await this.#ended;
  }

  /** Sends a signal to the process; freezing and thawing reach its workers too. */
  signal(name: Deno.Signal): boolean {
    if (!this.#process) return false;
    const { pid } = this.#process;
    return sendSignal(name === "SIGSTOP" || name === "SIGCONT" ? -pid : pid, name);
  }

  async #keepAlive(served: () => void): Promise<void> {
    let everServed = false;
    let crashes = 0;
    while (!this.#stopping.signal.aborted) {
      this.#state = "starting";
      const ready = () => {
        if (this.#stopping.signal.aborted) return;
        this.#state = "ready";
        everServed = true;
        served();
      };
      // deno-lint-ignore no-await-in-loop -- one life after the other
      const servedMs = await this.#live(ready).catch((error) => {
        // A full disk, no process to be had: whoever starts hears of it, later it may pass.
        if (!everServed) throw error;
        this.#logs.write("error", "cannot start again", {
          target: this.spec.id,
          error: `${error}`,
        });
        return 0;
      });
      if (this.#stopping.signal.aborted) break;
      if (!everServed) {
        this.#state = "failed";
        const reason = this.#logs.reasonOfEnd(this.spec.id) || "nothing in its log";
        throw new StackError(`Cannot start ${this.spec.id}: it must serve, received "${reason}"`);
      }
      crashes = servedMs >= STABLE_MS ? 0 : crashes + 1;
      this.#state = "backoff";
      this.#restarts++;
      const pauseMs = backoffMs(Math.max(0, crashes - 1));
      this.#logs.write("warn", "restarting", { target: this.spec.id, pauseMs });
      // deno-lint-ignore no-await-in-loop -- that is what backoff means
      await this.#clock.sleep(pauseMs, this.#stopping.signal).catch(() => {}); // stopped meanwhile
    }
    this.#state = "stopped";
  }

  /** One life, from start to end; returns for how long it served. */
  async #live(ready: () => void): Promise<number> {
    const child = spawnSession(this.spec, this.#logs.path(this.spec.id));
    const process = await this.#note(child);
    this.#process = process;
    await release(child);
    const life = new AbortController();
    let readyAt: number | undefined;
    const watch = this.#untilServing(life.signal).then((serves) => {
      if (serves) {
        readyAt = this.#clock.now();
        ready();
      } else if (!life.signal.aborted) {
        this.#logs.write("warn", "killed: it did not serve in time", { target: this.spec.id });
        sendSignal(process.pid, "SIGKILL");
      }
    });
    const { code, signal } = await child.status;
    life.abort();
    await watch;
    this.#process = undefined;
    // Workers that outlive a leader would keep its port; those that were asked to end finish first.
    if (this.#stopping.signal.aborted && this.spec.askToEnd) await this.#untilEnded(process);
    else await killSession(process);
    this.#ledger.remove(process);
    this.#logs.write("info", "ended", { target: this.spec.id, code, signal });
    return readyAt === undefined ? 0 : this.#clock.now() - readyAt;
  }

  /** Notes a process that waits to begin. One that cannot be noted must not. @throws {Error} when it cannot */
  async #note(child: Deno.ChildProcess): Promise<LedgerEntry> {
    try {
      const noted = this.#ledger.add(this.spec.id, child.pid);
      if (noted) return noted;
      throw new StackError(`Cannot start ${this.spec.id}: its process must be there to be noted`);
    } catch (error) {
      await child.stdin.abort();
      await child.status;
      throw error;
    }
  }

  /** {@linkcode stop} kills what takes too long. */
  async #untilEnded(leader: ProcessRef): Promise<void> {
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    while (sessionMembers(leader).length > 0) await this.#clock.sleep(END_POLL_MS);
  }

  async #untilServing(signal: AbortSignal): Promise<boolean> {
    const deadline = this.#clock.now() + this.#startTimeoutMs;
    while (!signal.aborted && this.#clock.now() < deadline) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      if (await this.spec.probe(limit).catch(() => false)) return !signal.aborted;
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      await this.#clock.sleep(PROBE_EVERY_MS, signal).catch(() => {}); // its life ended
    }
    return false;
  }
}

/** All processes of an instance: its leader and what that started. */
export function processesOf(instance: Instance): ReturnType<typeof sessionMembers> {
  return instance.process ? sessionMembers(instance.process) : [];
}
