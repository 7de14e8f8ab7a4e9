import assert from "node:assert/strict";
import type { Experiment } from "./experiment.ts";
import { leftOut } from "./left_out.ts";

const experiment = {
  name: "fake",
  factors: [
    { name: "front", description: "", levels: ["nginx", "caddy"], quick: ["nginx"] },
    { name: "replicas", description: "", levels: [1, 3] },
  ],
  trials: { full: 5, quick: 2 },
} as unknown as Experiment;
const cell = (front: string, replicas: number) => ({ front, replicas });
const twice = [cell("nginx", 1), cell("nginx", 3), cell("nginx", 1), cell("nginx", 3)];

Deno.test("leftOut() names the levels, cells and trials that a full run has", () => {
  assert.deepEqual(leftOut(experiment, { completed: twice }), {
    code: "quick",
    message: "fake: without front caddy; 2 of 4 cells; 2 of 5 trials a cell",
    severity: "caution",
    experiment: "fake",
  });
});

Deno.test("leftOut() counts what was completed, not what was planned", () => {
  const { message } = leftOut(experiment, { completed: twice.slice(0, 3) }) ?? {};
  assert.equal(message, "fake: without front caddy; 2 of 4 cells; 1 to 2 of 5 trials a cell");
  const none = leftOut(experiment, { completed: [] });
  assert.equal(
    none?.message,
    "fake: without front nginx, caddy; without replicas 1, 3; 0 of 4 cells",
  );
});

Deno.test("leftOut() does not blame a run for levels that the user left out, or for nothing", () => {
  const narrowing = { front: ["nginx"] };
  const { message } = leftOut(experiment, { completed: twice, narrowing }) ?? {};
  assert.equal(message, "fake: 2 of 5 trials a cell");
  const all = Array(5).fill([cell("nginx", 1), cell("nginx", 3)]).flat();
  assert.equal(leftOut(experiment, { completed: all, narrowing }), null);
});

Deno.test("leftOut() does not count cells that the design excludes", () => {
  const includes = ({ front }: Record<string, unknown>, quick: boolean) =>
    front === "nginx" && !quick;
  const { message } = leftOut({ ...experiment, includes }, { completed: twice }) ?? {};
  assert.equal(message, "fake: 2 of 5 trials a cell");
});
