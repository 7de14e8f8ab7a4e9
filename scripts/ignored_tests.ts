/**
 * Reads what `deno test` prints and remembers which tests were ignored and why.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";

/** Starts the line in which a test file says why its tests are ignored. */
export const REASON_PREFIX = "ignored here: ";

/** Collects ignored tests from the output of a run, as it arrives. */
export class IgnoredTests {
  readonly #files: { file: string; names: string[]; reasons: string[] }[] = [];
  #reasons: string[] = [];
  #rest = "";

  /** Number of ignored tests so far. */
  get count(): number {
    return this.#files.reduce((sum, { names }) => sum + names.length, 0);
  }

  /** Takes the next piece of output; lines may be cut anywhere. */
  read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#readLine(stripVTControlCharacters(line));
  }

  /** Lines for a person; none when nothing was ignored. */
  report(): string[] {
    if (this.count === 0) return [];
    const lines = [`Ignored here: ${this.count} (REQUIRE_ALL=1 makes this a failure)`];
    for (const { file, names, reasons } of this.#files) {
      if (names.length === 0) continue;
      lines.push(`  ${file}: ${reasons.join("; ") || "the test itself says so"}`);
      for (const name of names) lines.push(`    ${name}`);
    }
    return lines;
  }

  #readLine(line: string): void {
    if (line.startsWith(REASON_PREFIX)) {
      this.#reasons.push(line.slice(REASON_PREFIX.length));
      return;
    }
    const file = /^running \d+ tests? from (.*)$/.exec(line)?.[1];
    if (file !== undefined) {
      this.#files.push({ file, names: [], reasons: this.#reasons });
      this.#reasons = [];
      return;
    }
    const name = /^\s*(.*) \.\.\. ignored \(/.exec(line)?.[1];
    if (name !== undefined) this.#files.at(-1)?.names.push(name);
  }
}
