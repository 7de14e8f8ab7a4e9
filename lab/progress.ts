/**
 * What runs now and how long it will take, on stderr: one line that is rewritten on a terminal, a line an experiment
 * elsewhere.
 *
 * @module
 */
import process from "node:process";

/** Where progress goes. */
export interface ProgressSink {
  readonly terminal: boolean;
  write(text: string): void;
}

const standardError: ProgressSink = {
  get terminal() {
    return process.stderr.isTTY === true;
  },
  write: (text) => void process.stderr.write(text),
};

/** Follows a run. Expected seconds are corrected by what steps really take. */
export class Progress {
  readonly #sink: ProgressSink;
  readonly #now: () => number;
  readonly #startedAt: number;
  #expectedLeft: number;
  #expectedDone = 0;
  #lineLength = 0;

  constructor(
    expectedSeconds: number,
    { sink = standardError, now = () => performance.now() }: {
      sink?: ProgressSink;
      now?: () => number;
    } = {},
  ) {
    this.#sink = sink;
    this.#now = now;
    this.#startedAt = now();
    this.#expectedLeft = expectedSeconds;
  }

  /** Seconds that are likely left. */
  get secondsLeft(): number {
    const spent = (this.#now() - this.#startedAt) / 1000;
    // After a tenth of the work, the real pace counts.
    const done = this.#expectedDone / (this.#expectedDone + this.#expectedLeft);
    const pace = done > 0.1 ? spent / this.#expectedDone : 1;
    return Math.max(0, this.#expectedLeft * pace);
  }

  /** A step begins. */
  step(what: string): void {
    if (this.#sink.terminal) this.#rewrite(`${what}  (${formatSeconds(this.secondsLeft)} left)`);
  }

  /** A step of so many expected seconds has ended. */
  done(expectedSeconds: number): void {
    this.#expectedLeft -= expectedSeconds;
    this.#expectedDone += expectedSeconds;
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#sink.terminal) this.#rewrite("");
    this.#sink.write(`${line}\n`);
  }

  #rewrite(line: string): void {
    this.#sink.write(`\r${line.padEnd(this.#lineLength)}${line === "" ? "\r" : ""}`);
    this.#lineLength = line.length;
  }
}

/** `4:05` from 245. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
