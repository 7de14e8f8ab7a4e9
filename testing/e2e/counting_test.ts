/**
 * State in an instance and state in Redis, seen through the front: both fronts, both runtimes.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one run after the other is the point
import assert from "node:assert/strict";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";

async function countNineTimes(url: string): Promise<{ count: number; instance: string }[]> {
  const counts = [];
  for (let i = 0; i < 9; i++) {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    const body = await response.json();
    assert.equal(body.instance, response.headers.get("x-instance-id"));
    counts.push(body);
  }
  return counts;
}

for (const front of ["nginx", "caddy"] as const) {
  for (const runtime of ["deno", "node"] as const) {
    Deno.test({
      name: `nine counts show three instances behind ${front} on ${runtime}`,
      ...requires(front, "redis-server", ...(runtime === "node" ? ["node" as const] : [])),
      async fn() {
        await using stack = await startTestStack({ front, runtime, replicas: 3 });

        const own = await countNineTimes(`${stack.url}/api/count`);
        const byInstance = Map.groupBy(own, ({ instance }) => instance);
        assert.deepEqual([...byInstance.keys()].sort(), ["gateway-1", "gateway-2", "gateway-3"]);
        for (const counts of byInstance.values()) {
          assert.deepEqual(counts.map(({ count }) => count), [1, 2, 3]);
        }

        const shared = await countNineTimes(`${stack.url}/api/count/shared`);
        assert.deepEqual(shared.map(({ count }) => count), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert.equal(new Set(shared.map(({ instance }) => instance)).size, 3);
      },
    });
  }
}

Deno.test({
  name: "with --store memory the shared counter is as wrong as the other one",
  ...requires("nginx"),
  async fn() {
    await using stack = await startTestStack({ store: "memory", replicas: 3 });
    const shared = await countNineTimes(`${stack.url}/api/count/shared`);
    assert.deepEqual(shared.map(({ count }) => count), [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    const { instances } = await stack.status();
    assert.ok(instances.every(({ service }) => service !== "redis"));
  },
});
