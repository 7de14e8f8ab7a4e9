import assert from "node:assert/strict";
import { EXPERIMENTS } from "./catalogue.ts";
import { cellsOf } from "./design.ts";
import { neededTools, runnableCells } from "./needed_tools.ts";

function experiment(name: string) {
  const found = EXPERIMENTS.find((each) => each.name === name);
  assert.ok(found);
  return found;
}

Deno.test("neededTools() follows the stack and the front of a cell", () => {
  assert.deepEqual(neededTools(experiment("runtime"), { runtime: "node" }), [
    "nginx",
    "node",
    "redis-server",
  ]);
  assert.deepEqual(neededTools(experiment("state"), { store: "memory", replicas: 1 }), ["nginx"]);
  const swap = { action: "front-swap", front: "caddy", connections: "fresh" };
  assert.ok(neededTools(experiment("failover"), swap).includes("nginx"));
});

Deno.test("runnableCells() says in one line that an experiment with containers needs an engine", () => {
  const quota = experiment("quota");
  const { cells, warnings } = runnableCells(
    quota,
    cellsOf(quota.factors, quota.includes),
    () => ({ present: false, reason: "docker does not say its version: no engine answers it" }),
  );
  assert.deepEqual(cells, []);
  assert.deepEqual(warnings.map(({ message }) => message), [
    "quota: 6 of 6 cells were left out, docker does not say its version: no engine answers it",
  ]);
});

Deno.test("runnableCells() leaves out what a tool is missing for, and says so", () => {
  const runtime = experiment("runtime");
  const cells = cellsOf(runtime.factors);
  const without = (missing: string) =>
    runnableCells(runtime, cells, (name) => ({
      present: name !== missing,
      reason: `${name} is not installed`,
    }));
  assert.deepEqual(without("node").cells, [{ runtime: "deno" }]);
  assert.deepEqual(without("node").warnings.map(({ message }) => message), [
    "runtime: 1 of 2 cells were left out, node is not installed",
  ]);
  assert.deepEqual(without("nginx").cells, []);
  assert.deepEqual(without("caddy").warnings, []);
});
