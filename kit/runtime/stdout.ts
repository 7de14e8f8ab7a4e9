/**
 * Standard output that never blocks the event loop, however slowly it is read. `process.stdout` of Deno
 * writes synchronously: a log reader that stalled would stall every request.
 *
 * A reader that went away is no reason to stop serving, so errors are dropped: there is nowhere left to
 * report them to.
 *
 * @module
 */
import process from "node:process";
import type { LogOutput } from "../log.ts";
import { runtime } from "./serve.ts";

/** Standard output of this process. */
export function createStdout(): LogOutput {
  return runtime === "deno" ? denoStdout() : nodeStdout();
}

function denoStdout(): LogOutput {
  const encoder = new TextEncoder();
  const queue: Uint8Array[] = [];
  let pendingBytes = 0;
  let writing: Promise<void> = Promise.resolve();

  async function writeQueue(): Promise<void> {
    for (let bytes = queue.shift(); bytes; bytes = queue.shift()) {
      try {
        for (let from = 0; from < bytes.length;) {
          // deno-lint-ignore no-await-in-loop -- one part after the other
          from += await Deno.stdout.write(bytes.subarray(from));
        }
      } catch { /* nobody reads */ }
      pendingBytes -= bytes.length;
    }
  }

  return {
    write(text) {
      const bytes = encoder.encode(text);
      queue.push(bytes);
      const idle = pendingBytes === 0;
      pendingBytes += bytes.length;
      if (idle) writing = writeQueue();
    },
    get pendingBytes() {
      return pendingBytes;
    },
    drained: () => writing,
  };
}

function nodeStdout(): LogOutput {
  process.stdout.on("error", () => {/* nobody reads */});
  return {
    write: (text) => void process.stdout.write(text),
    get pendingBytes() {
      return process.stdout.writableLength;
    },
    drained: () => new Promise((resolve) => process.stdout.write("", () => resolve())),
  };
}
