/**
 * Vertical scaling with the real gateway behind a real front, on both runtimes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import { PROJECT_ROOT } from "../../stack/tools.ts";
import { get } from "../instance_fixture.ts";
import { requires } from "../requires.ts";
import { startTestStack, type TestStack } from "../stack.ts";
import { until } from "../until.ts";

/** Asks the gateway itself on new connections, which the kernel spreads, until both workers have answered. */
function bothAnswer(address: string): Promise<boolean> {
  const seen = new Set<string | null>();
  return until("both workers to answer", async () => {
    seen.add((await get(`${address}/api/count`)).headers.get("x-instance-id"));
    const ids = [...seen].sort().join();
    return ids === "gateway-1.1,gateway-1.2";
  });
}

/** The one line of status that the gateway has, however many event loops it runs. */
async function gatewayOf(stack: TestStack): Promise<{ pid: number; address: string }> {
  const { instances } = await stack.status();
  const gateways = instances.filter(({ service }) => service === "gateway");
  assert.deepEqual(
    gateways.map(({ id, state, restarts }) => ({ id, state, restarts })),
    [{ id: "gateway-1", state: "ready", restarts: 0 }],
  );
  const { pid, address } = gateways[0] as typeof gateways[number];
  return { pid: pid ?? 0, address };
}

async function scalesVertically(runtime: "deno" | "node"): Promise<void> {
  await using stack = await startTestStack({
    ...{ replicas: 1, workers: 2, runtime },
    gatewayEnv: { NODE_OPTIONS: `--require "${PROJECT_ROOT}testing/end_worker.cjs"` },
  });
  const { pid, address } = await gatewayOf(stack);
  await bothAnswer(address);

  // CPU-bound work leaves both loops alone.
  const url = `${stack.url}/api/users?limit=1`;
  const light = await startProbe({ url, ratePerSecond: 100, durationSeconds: 0.6 });
  const worked = await get(`${stack.url}/api/cpu-bound?ms=400&mode=offload`);
  assert.equal(worked.status, 200, worked.body);
  const { samples } = await light.result;
  assert.deepEqual(samples.filter(({ status }) => status !== 200), []);
  const heldUp = samples.filter(({ latencyMs }) => latencyMs > 200).length;
  assert.ok(heldUp <= 3, `${heldUp} of ${samples.length} waited over 200 ms`);

  Deno.kill(pid, "SIGUSR2");
  const crashed = await until("the log of it", async () => {
    const lines = await Array.fromAsync(stack.logs({ instance: "gateway-1" }));
    return lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === "worker crashed");
  });
  assert.equal(crashed.worker, "gateway-1.1");
  assert.equal((await get(url)).status, 200, "the other one serves");
  await bothAnswer(address);
  assert.deepEqual(await gatewayOf(stack), { pid, address }, "the process went on");
}

for (const runtime of ["deno", "node"] as const) {
  Deno.test({
    name:
      `up --workers 2 is one instance of two event loops, and replaces one that ends: ${runtime}`,
    ...requires("nginx", "redis-server", ...(runtime === "node" ? ["node"] as const : [])),
    fn: () => scalesVertically(runtime),
  });
}
