import assert from "node:assert/strict";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Sample } from "../load/sample.ts";
import type { Levels, Trial } from "../results.ts";
import { policies } from "./policies.ts";

/** A trial in which one of so many fast requests is slow; requests go round the replicas. */
function trialOf(levels: Levels, repetition: number, slowEvery: number): TrialEvidence {
  const samples = Array.from({ length: 4_700 }, (_, i): Sample => ({
    ...{ intendedMs: i, lateMs: 0, status: 200, error: null, target: i % 470, reused: true },
    ...{ retries: 0, retryAfterS: null, instance: `gateway-${i % 3 + 1}` },
    latencyMs: i % slowEvery === 0 ? 150 : 2,
  }));
  const record = {
    ...{ experiment: "policies", id: `${levels.policy}${repetition}`, levels, repetition },
    ...{ observations: {}, data: { busy: "gateway-1" }, events: [] },
    samples: [{ label: "mixed", path: "x", count: samples.length }],
  } as unknown as Trial;
  return new TrialEvidence(record, new Map([["mixed", samples]]));
}

function evidenceOf(leastConn: Record<string, number>): Evidence {
  return new Evidence(
    Object.entries(leastConn).flatMap(([front, slowEvery]) =>
      [1, 2, 3].flatMap((repetition) => [
        trialOf({ policy: "round-robin", front }, repetition, 7 + repetition % 2),
        trialOf({ policy: "least-conn", front }, repetition, slowEvery),
      ])
    ),
  );
}

Deno.test("policies judges each front by itself", () => {
  const good = policies.analyse(evidenceOf({ nginx: 300, caddy: 100 }));
  assert.equal(good.verdicts[0]?.outcome, "held");
  assert.deepEqual(good.headline.map(({ ratio }) => ratio.n), [3, 3]);
  // Pooled, nginx would make up for Caddy.
  const bad = policies.analyse(evidenceOf({ nginx: 300, caddy: 7 }));
  assert.equal(bad.verdicts[0]?.outcome, "failed");
});

Deno.test("policies leaves the claim open when a side is missing, and says when it had no delayed request", () => {
  const evidence = evidenceOf({ nginx: 300, caddy: 100 });
  const half = new Evidence(
    evidence.trials.filter(({ record: { levels } }) =>
      levels.front === "nginx" || levels.policy === "least-conn"
    ),
  );
  const [open] = policies.analyse(half).verdicts;
  assert.equal(open?.outcome, "inconclusive");
  assert.match(open.sentence, /nginx [\d.]+x .*, caddy not compared/);
  const none = new Evidence(evidence.trials.map((trial) => {
    const { levels: { front, policy } } = trial.record;
    if (front !== "caddy" || policy !== "least-conn") return trial;
    const quick = trial.samples("mixed").map((sample) => ({ ...sample, latencyMs: 2 }));
    return new TrialEvidence(trial.record, new Map([["mixed", quick]]));
  }));
  const [verdict] = policies.analyse(none).verdicts;
  assert.equal(verdict?.outcome, "held");
  assert.match(
    verdict.sentence,
    /caddy .*\(3 of 6 trials had no such request; half a one was added\)/,
  );
});

Deno.test("policies refutes that ip-hash sticks by one client that met a second replica", () => {
  const levels = { policy: "ip-hash", front: "nginx" };
  const { verdicts } = policies.analyse(new Evidence([trialOf(levels, 1, 50)]));
  assert.equal(verdicts[2]?.outcome, "failed");
});

Deno.test("policies states what round-robin must do: b/N, an even share, and nothing of the others", () => {
  const { metrics } = policies.analyse(evidenceOf({ nginx: 300 }));
  const theory = (policy: string, name: string) =>
    metrics.find((metric) => metric.name === name && metric.levels.policy === policy)?.theory;
  // Busy half of the time, one of three: 1/6, less the last 20 of 200 ms.
  assert.ok(Math.abs((theory("round-robin", "delayed-share") ?? 0) - 0.15) < 1e-9);
  assert.deepEqual([theory("round-robin", "fairness"), theory("least-conn", "fairness")], [
    1,
    null,
  ]);
});
