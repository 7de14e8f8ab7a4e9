import assert from "node:assert/strict";
import { formatSeconds, Progress } from "./progress.ts";

function progress(terminal: boolean) {
  const written: string[] = [];
  let nowMs = 0;
  const sink = { terminal, write: (text: string) => void written.push(text) };
  return {
    written,
    advance: (seconds: number) => nowMs += seconds * 1000,
    it: new Progress(100, { sink, now: () => nowMs }),
  };
}

Deno.test("Progress corrects the time left by the real pace", () => {
  const { it, advance } = progress(false);
  assert.equal(it.secondsLeft, 100);
  advance(40); // twice as slow as expected
  it.done(20);
  assert.equal(it.secondsLeft, 160);
  advance(1_000);
  it.done(80);
  assert.equal(it.secondsLeft, 0);
});

Deno.test("Progress rewrites one line on a terminal and is silent about steps elsewhere", () => {
  const onTerminal = progress(true);
  onTerminal.it.step("cpu-block 1/9");
  onTerminal.it.say("done");
  assert.match(onTerminal.written.join(""), /^\rcpu-block 1\/9 {2}\(1:40 left\)\r +\rdone\n$/);
  const inFile = progress(false);
  inFile.it.step("cpu-block 1/9");
  inFile.it.say("done");
  assert.equal(inFile.written.join(""), "done\n");
});

Deno.test("formatSeconds() is minutes and seconds", () => {
  assert.deepEqual([0, 59.6, 245].map(formatSeconds), ["0:00", "1:00", "4:05"]);
});
