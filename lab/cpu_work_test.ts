import assert from "node:assert/strict";
import { createCpuWork, renard } from "./cpu_work.ts";

const MACHINE = "CPU of tests, Deno 1.2.3";
/** Between two sizes of a work of 5 ms: 5 x 56,234 is nearer to 251,189 or 316,228 as chance will have it. */
const BOUNDARY = 10 ** 5.45 / 5;

/** A folder for the file, and runs of the lab that each measure what they are told. */
async function withRuns(
  test: (
    roundsOf: (roundsPerMs: number, machine?: string) => Promise<number>,
    path: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cpu-work-" });
  const path = `${folder}/cpu-speed.json`;
  try {
    await test(async (roundsPerMs, machine = MACHINE) => {
      const cpuWork = createCpuWork({ path, machine, measure: () => roundsPerMs });
      const { rounds, workMs } = await cpuWork(5);
      assert.equal(workMs, rounds / roundsPerMs, "work takes what it takes now");
      return rounds;
    }, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("renard() has ten steps a decade and is never further than 13 % away", () => {
  assert.deepEqual([1, 1_250, 1_600_000, 1e9].map(renard), [1, 1_259, 1_584_893, 1e9]);
  for (let value = 100; value < 1e9; value *= 1.07) {
    assert.ok(Math.abs(renard(value) / value - 1) < 0.13, `${value}`);
  }
});

Deno.test("createCpuWork() keeps to the size of the first run while the speed moves by less than a step", () =>
  withRuns(async (roundsOf) => {
    assert.notEqual(
      renard(5 * 0.99 * BOUNDARY),
      renard(5 * 1.01 * BOUNDARY),
      "or it tests nothing",
    );
    assert.equal(await roundsOf(0.99 * BOUNDARY), 251_189);
    for (const factor of [1.01, 1.2, 0.55, 0.97, 0.99]) {
      // deno-lint-ignore no-await-in-loop -- one run after the other
      assert.equal(await roundsOf(factor * BOUNDARY), 251_189, `${factor}`);
    }
  }));

Deno.test("createCpuWork() measures anew on another CPU or runtime, and forgets neither", () =>
  withRuns(async (roundsOf) => {
    await roundsOf(0.99 * BOUNDARY);
    assert.equal(await roundsOf(1.01 * BOUNDARY, "Another CPU, Deno 1.2.3"), 316_228);
    assert.equal(await roundsOf(1.01 * BOUNDARY), 251_189);
    assert.equal(await roundsOf(0.99 * BOUNDARY, "Another CPU, Deno 1.2.3"), 316_228);
  }));

Deno.test("createCpuWork() measures anew when the machine is faster by a step, or has half the speed", () =>
  withRuns(async (roundsOf) => {
    await roundsOf(100_000);
    assert.equal(await roundsOf(127_000), renard(5 * 127_000));
    assert.equal(await roundsOf(100_000), renard(5 * 127_000));
    assert.equal(await roundsOf(63_000), renard(5 * 63_000));
  }));

const CORRUPT: readonly [what: string, text: string][] = [
  ["is empty", ""],
  ["was cut off", '{"version":1,"roundsPerMs":{"'],
  ["is of another version", `{"version":2,"roundsPerMs":{"${MACHINE}":1000}}`],
  ["holds no speed", `{"version":1,"roundsPerMs":{"${MACHINE}":0}}`],
  ["holds something else", "[1, 2]"],
];
for (const [what, text] of CORRUPT) {
  Deno.test(`createCpuWork() measures anew when its file ${what}, and mends it`, () =>
    withRuns(async (roundsOf, path) => {
      await Deno.writeTextFile(path, text);
      assert.equal(await roundsOf(0.99 * BOUNDARY), 251_189);
      assert.equal(await roundsOf(1.01 * BOUNDARY), 251_189);
    }));
}

Deno.test("createCpuWork() is the same work each time, about as long as asked for", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cpu-work-" });
  try {
    const cpuWork = createCpuWork({ path: `${folder}/cpu-speed.json`, machine: MACHINE });
    const work = await cpuWork(5);
    assert.deepEqual(await cpuWork(5), work);
    assert.ok(Math.abs(work.workMs / 5 - 1) < 0.13, `${work.workMs} ms`);
    assert.equal(work.rounds, renard(work.rounds));
    assert.ok((await cpuWork(50)).rounds > 9 * work.rounds);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
