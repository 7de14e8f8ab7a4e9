import assert from "node:assert/strict";
import { cellsOf, chooseLevels } from "../design.ts";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Sample } from "../load/sample.ts";
import type { Levels, Trial } from "../results.ts";
import { createRandom, type Random } from "../stats/random.ts";
import { cpuBlock } from "./cpu_block.ts";

const RUN_MS = 6_000;
const BLOCK_MS = 3_000;

/** What a perfect system would give: round-robin meets the block, least-conn avoids it, unless it is blind. */
function trialOf(
  levels: Levels,
  { random, repetition, wrong = 1, blind = false }: {
    random: Random;
    repetition: number;
    wrong?: number;
    blind?: boolean;
  },
): TrialEvidence {
  const replicas = Number(levels.replicas);
  const samples = Array.from({ length: 1_200 }, (_, i): Sample => {
    const intendedMs = i * 5;
    const left = (1_000 + BLOCK_MS - intendedMs) * wrong;
    const meets = levels.mode === "inline" && i % replicas === 0 && intendedMs >= 1_000 &&
      left > 0 && (blind || levels.policy === "round-robin");
    return {
      ...{ intendedMs, lateMs: 0, status: 200, error: null, instance: "gateway-1", target: 0 },
      ...{ reused: true, retries: 0, retryAfterS: null },
      latencyMs: 2 + 3 * random() + (meets ? left : 0),
    };
  });
  const record = {
    ...{
      experiment: "cpu-block",
      id: `${JSON.stringify(levels)}${repetition}`,
      levels,
      repetition,
    },
    observations: { blockMs: BLOCK_MS, runMs: RUN_MS },
    samples: [{ label: "light", path: "x" }],
    events: [],
  } as unknown as Trial;
  return new TrialEvidence(record, new Map([["light", samples]]));
}

function evidenceOf(wrong = 1): Evidence {
  const random = createRandom(5);
  const cells: Levels[] = ["nginx", "caddy"].flatMap((front) => [
    { replicas: 1, policy: "round-robin", front, mode: "inline" },
    { replicas: 1, policy: "round-robin", front, mode: "offload" },
    { replicas: 3, policy: "round-robin", front, mode: "inline" },
    { replicas: 3, policy: "least-conn", front, mode: "inline" },
  ]);
  return new Evidence(
    [1, 2, 3].flatMap((repetition) =>
      cells.map((levels) => trialOf(levels, { random, repetition, wrong }))
    ),
  );
}

Deno.test("cpu-block holds its claims on a system that obeys theory", () => {
  const { verdicts, headline, metrics } = cpuBlock.analyse(evidenceOf());
  assert.deepEqual(verdicts.map(({ outcome }) => outcome), ["held", "held", "held"]);
  assert.equal(headline.length, 8); // four levers, each behind two fronts
  assert.ok(headline.every(({ ratio }) => ratio.n === 3)); // repetitions, not repetitions x fronts
  // Three replicas instead of one buy almost nothing in p99: 2.94 s against 2.82 s.
  assert.ok(Math.abs((headline[0]?.ratio.estimate ?? 0) - 2.94 / 2.82) < 0.02);
  const share = metrics.find(({ name, levels }) =>
    name === "delayed-share" && levels.replicas === 3
  );
  assert.ok(Math.abs((share?.value.estimate ?? 0) - (share?.theory ?? 1)) < 0.005);
});

Deno.test("cpu-block refutes theory when requests wait 20 % longer than it says", () => {
  const [theory] = cpuBlock.analyse(evidenceOf(1.2)).verdicts;
  assert.equal(theory?.outcome, "failed");
});

Deno.test("cpu-block does not let a front that fails hide behind one that does not", () => {
  const random = createRandom(3);
  const cells = ["nginx", "caddy"].flatMap((front) =>
    ["round-robin", "least-conn"].map((policy) => ({ replicas: 3, policy, front, mode: "inline" }))
  );
  const evidence = new Evidence(
    [1, 2, 3].flatMap((repetition) =>
      cells.map((levels) =>
        trialOf(levels, { random, repetition, blind: levels.front === "caddy" })
      )
    ),
  );
  const [, contains] = cpuBlock.analyse(evidence).verdicts;
  assert.equal(contains?.outcome, "failed");
  assert.match(contains.sentence, /nginx \d{3}x .*caddy 1x/);
});

Deno.test("cpu-block narrowed to one policy has one replica to compare it with", () => {
  const narrowing = { replicas: ["1", "3"], policy: ["least-conn"] };
  for (const quick of [false, true]) {
    const factors = chooseLevels(cpuBlock.factors, { quick, narrowing });
    const cells = cellsOf(factors, cpuBlock.includes, quick);
    const random = createRandom(2);
    const trials = [1, 2].flatMap((repetition) =>
      cells.map((levels) => trialOf(levels, { random, repetition, blind: levels.replicas === 1 }))
    );
    const { verdicts, headline } = cpuBlock.analyse(new Evidence(trials));
    assert.deepEqual(
      headline.map(({ lever }) => lever.replace(/ \(.*/, "")),
      ["3 replicas instead of 1, least-conn", "offload the CPU work, 1 replica"]
        .flatMap((lever) => [lever, lever]),
    );
    assert.match(verdicts[1]?.sentence ?? "", /^Not measured in this run: it compares round-robin/);
  }
});

Deno.test("cpu-block leaves out cells that differ in nothing, unless they were asked for", () => {
  const count = (quick: boolean, narrowing = {}) =>
    cellsOf(chooseLevels(cpuBlock.factors, { quick, narrowing }), cpuBlock.includes, quick).length;
  assert.deepEqual([count(false), count(true)], [13, 5]);
  assert.equal(count(true, { policy: ["round-robin", "least-conn"] }), 9);
});

Deno.test("cpu-block says nothing of what was not measured", () => {
  const random = createRandom(1);
  const levels = { replicas: 3, policy: "ip-hash", front: "nginx", mode: "inline" };
  const one = new Evidence([trialOf(levels, { random, repetition: 1 })]);
  const { verdicts, headline, charts } = cpuBlock.analyse(one);
  assert.ok(verdicts.every(({ outcome }) => outcome === "inconclusive"));
  assert.deepEqual(headline, []);
  assert.ok(charts.every(({ alternative }) => alternative.length > 0));
});
