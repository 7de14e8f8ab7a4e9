import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { tries } from "../testing/tries.ts";
import type { TrialContext } from "./experiment.ts";
import type { OhaOptions, OhaResult } from "./load/oha.ts";
import { Progress } from "./progress.ts";
import { runExperiments } from "./runner.ts";
import { climb, connectionsFor, judgeStep, sweepOf } from "./sweep.ts";

/** An open run against a queue: each of `capacity` requests a second, after a wait of its own of 300 ms. */
function load(
  ratePerSecond: number,
  { capacity = Infinity, bottleneck = false, failed = 0 } = {},
): OhaResult {
  const gapMs = 1000 / ratePerSecond;
  const growth = Math.max(0, 1000 / capacity - gapMs);
  const responses = Array.from({ length: ratePerSecond }, (_, i) => ({
    ...{ intendedMs: i * gapMs, sentMs: i * gapMs, endedMs: i * gapMs + 300 + growth * i },
  }));
  const last = 300 + growth * ratePerSecond;
  return {
    ...{ requests: ratePerSecond, good: ratePerSecond - failed, responses },
    latencyMs: { p50: last / 2, p99: last },
    generator: { bottleneck },
  } as unknown as OhaResult;
}

/** A trial whose oha answers without load. */
function trialOf(answer: (options: OhaOptions) => OhaResult) {
  const asked: OhaOptions[] = [];
  const trial = {
    quick: true,
    signal: new AbortController().signal,
    oha: (_label: string, options: OhaOptions) => {
      asked.push(options);
      return Promise.resolve(answer(options));
    },
  } as unknown as TrialContext;
  return { trial, asked };
}

const STEPS: readonly [name: string, load: OhaResult, goodput: number, follows: boolean][] = [
  ["a service that always takes 300 ms", load(20), 20, true],
  ["a queue that grows", load(100, { capacity: 50 }), 50, false],
  ["a queue that hardly grows", load(100, { capacity: 98 }), 98, true],
  ["a service that refuses a tenth", load(100, { failed: 10 }), 90, false],
];
for (const [name, measured, goodput, follows] of STEPS) {
  Deno.test(`judgeStep() judges ${name}`, () => {
    const step = judgeStep(measured.requests, measured);
    assert.ok(Math.abs(step.goodputPerSecond - goodput) < 1e-6, `${step.goodputPerSecond}`);
    assert.equal(step.follows, follows);
  });
}

Deno.test("connectionsFor() is twice what the latency needs, and 200 at least", () => {
  assert.equal(connectionsFor(1_000, 300), 600);
  assert.equal(connectionsFor(20, 300), 200);
});

const url = "http://127.0.0.1:1/";

Deno.test("climb() ends at the rate that the service does not follow", async () => {
  const { trial, asked } = trialOf(({ ratePerSecond = 0 }) =>
    load(ratePerSecond, { capacity: 90 })
  );
  const { steps, limit } = await climb(trial, { url, lastRate: 10_000 });
  assert.equal(limit, "service");
  assert.deepEqual(
    steps.map(({ ratePerSecond, follows }) => [ratePerSecond, follows]),
    [[20, true], [30, true], [45, true], [68, true], [101, false]],
  );
  assert.ok(
    asked.every(({ connections = 0, ratePerSecond = 0 }) => connections >= 0.6 * ratePerSecond),
  );
});

Deno.test("climb() ends with what was followed when the generator is the limit", async () => {
  const { trial } = trialOf(({ ratePerSecond = 0 }) =>
    load(ratePerSecond, { bottleneck: ratePerSecond > 40 })
  );
  const { steps, limit } = await climb(trial, { url, lastRate: 10_000 });
  assert.equal(limit, "generator");
  assert.equal(steps.at(-1)?.ratePerSecond, 30);
  // 4,000 connections do not suffice for 300 ms at 10,000/s.
  const slow = await climb(trialOf(({ ratePerSecond = 0 }) => load(ratePerSecond)).trial, {
    ...{ url, lastRate: 50_000 },
  });
  assert.equal(slow.limit, "generator");
  assert.ok((slow.steps.at(-1)?.ratePerSecond ?? 0) > 4_000);
});

/** Sweeps a server of this process; quick, one trial. */
async function sweep(answer: () => Promise<Response>, lastRate: number) {
  const out = await Deno.makeTempDir({ prefix: "sweep-" });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  try {
    const { results: [result] } = await runExperiments({
      experiments: [sweepOf(`http://127.0.0.1:${server.addr.port}/`, { lastRate })],
      ...{ quick: true, seed: 1, trials: 1, command: "bench --url", out },
      signal: new AbortController().signal,
      progress: new Progress(1, { sink: { terminal: false, write() {} } }),
    });
    return result;
  } finally {
    await server.shutdown();
    await Deno.remove(out, { recursive: true });
  }
}
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test({
  name: "sweepOf() does not call the latency of a service its limit",
  ...requires("oha"),
  // A generator that is late makes a sweep invalid, and a busy machine makes it late.
  fn: () =>
    tries(3, async () => {
      const result = await sweep(async () => {
        await sleep(300);
        return new Response("slow");
      }, 45);
      const [verdict] = result?.verdicts ?? [];
      assert.equal(verdict?.sentence, "It follows at least 45/s, the last rate that was tried.");
      assert.equal(verdict?.outcome, "failed");
    }),
});

Deno.test({
  name: "sweepOf() finds the knee of a service that does one request at a time",
  ...requires("oha"),
  // A generator that is late makes a sweep invalid, and a busy machine makes it late.
  fn: () =>
    tries(3, async () => {
      let last = Promise.resolve();
      const result = await sweep(async () => {
        await (last = last.then(() => sleep(20))); // less than 50/s
        return new Response("one at a time");
      }, 200);
      const [verdict] = result?.verdicts ?? [];
      const knee = result?.metrics[0]?.value.estimate ?? 0;
      assert.equal(verdict?.outcome, "held", verdict?.sentence);
      // A busy machine oversleeps, and 45/s is nearly the limit.
      assert.ok(knee >= 20 && knee <= 45, `${knee}`);
    }),
});
