// deno-lint-ignore-file no-await-in-loop -- a closed loop is what is shown here
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { requires } from "../../testing/requires.ts";
import { percentile } from "../stats/percentile.ts";
import { MeasuringClient } from "./client.ts";
import { runOha } from "./oha.ts";
import { judge, probe, startProbe } from "./prober.ts";
import { requestOf } from "./request_bytes.ts";
import { isGood, type Sample } from "./sample.ts";

/** Starts the server with known delays in its own process. */
async function startDelayServer(): Promise<{ url: string } & AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net",
      fileURLToPath(new URL("./delay_server_fixture.ts", import.meta.url)),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const port = new TextDecoder().decode((await reader.read()).value).trim();
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

const latencies = (samples: readonly Sample[]) => samples.map(({ latencyMs }) => latencyMs);

function assertWithin(share: number, actual: number, expected: number, what: string): void {
  const difference = Math.abs(actual / expected - 1);
  assert.ok(difference <= share, `${what}: ${actual} must be within ${share} of ${expected}`);
}

for (const connections of ["fresh", "kept-alive"] as const) {
  Deno.test({
    name:
      `probe() sees the known delays of a server, and as oha does, over ${connections} connections`,
    ...requires("oha"),
    fn: async () => {
      await using server = await startDelayServer();
      const load = { url: `${server.url}/`, ratePerSecond: 200, durationSeconds: 3 };
      await probe({ ...load, durationSeconds: 1, connections }); // Both runtimes compile first.
      await bestOfThree(async () => {
        const samples = await probe({ ...load, connections });
        const keepAlive = connections === "kept-alive";
        const oha = await runOha({ ...load, mode: "open", keepAlive });
        assert.equal(samples.length, 600);
        assert.ok(samples.every((sample) => isGood(sample) && sample.instance === "delay-1"));
        assert.equal(samples.some(({ reused }) => reused), keepAlive);
        for (const [p, delay] of [[0.5, 40], [0.99, 200]] as const) {
          const ours = percentile(latencies(samples), p);
          // Both timers (the server's, ours) fire up to 1 ms late each.
          assertWithin(0.1, ours, delay, `p${p * 100} against the delay`);
          assertWithin(0.05, ours, oha.latencyMs[`p${p * 100}`] ?? NaN, `p${p * 100} against oha`);
        }
      });
    },
  });
}

/** The two runs are seconds apart: something else that takes the cores during one of them is no finding. */
async function bestOfThree(measure: () => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  while (errors.length < 3) {
    try {
      return await measure();
    } catch (error) {
      errors.push(error);
    }
  }
  throw errors[0];
}

Deno.test({
  name: "probe() shows a stall of 500 ms that a closed-loop client hides",
  ...requires(),
  fn: async () => {
    await using server = await startDelayServer();
    const url = `${server.url}/now`;
    const running = await startProbe({ url, ratePerSecond: 200, durationSeconds: 3 });
    const closedLoop = closedLoopLatencies(url, 2_500);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await (await fetch(`${server.url}/stall?ms=500`)).text();
    const { samples } = await running.result;
    const slow = latencies(samples).filter((ms) => ms > 100).length;
    const slowClosed = (await closedLoop).filter((ms) => ms > 100).length;
    // 200/s x (0.5 s - 0.1 s) = 80 requests were due early enough in the stall to wait over 100 ms.
    assert.ok(slow >= 75, `the prober must see about 80 delayed requests, saw ${slow}`);
    assert.ok(slowClosed <= slow / 10, `a closed loop sees one or two, saw ${slowClosed}`);
    assert.ok(percentile(latencies(samples), 0.9) > 100);
    // From the intended time: our own lateness is in it.
    assert.ok(samples.every(({ latencyMs, lateMs }) => latencyMs >= lateMs));
    assert.ok(percentile(await closedLoop, 0.9) < 100);
  },
});

/** One client that waits for each answer, then 5 ms: the usual way to measure, at up to 200 requests/s. */
async function closedLoopLatencies(url: string, forMs: number): Promise<number[]> {
  using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
  const request = requestOf({ url, method: "GET", headers: {} }, "kept-alive");
  const all: number[] = [];
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    const sentAt = performance.now();
    all.push((await client.send(request)).endedAt - sentAt);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return all;
}

Deno.test({
  name:
    "startProbe() lets things happen meanwhile, stops on demand and hands out samples as they come",
  ...requires(),
  fn: async () => {
    await using server = await startDelayServer();
    let seen = 0;
    const running = await startProbe({
      targets: [{ url: `${server.url}/now` }, { url: `${server.url}/now?2`, method: "POST" }],
      ratePerSecond: 100,
      durationSeconds: 60,
      onSamples: (samples) => {
        seen += samples.length;
        if (seen >= 20) running.stop();
      },
    });
    const { samples, startedAtEpochMs } = await running.result;
    assert.equal(samples.length, seen);
    assert.ok(seen >= 20 && seen < 1_000, `${seen} samples`);
    assert.deepEqual(samples.slice(0, 4).map(({ target }) => target), [0, 1, 0, 1]);
    assert.ok(Math.abs(startedAtEpochMs + running.elapsedMs() - Date.now()) < 1_000);
  },
});

Deno.test({
  name: "probe() reports a refused server as samples, not as an exception",
  ...requires(),
  fn: async () => {
    const server = await startDelayServer();
    await server[Symbol.asyncDispose]();
    const samples = await probe({ url: server.url, ratePerSecond: 50, count: 5 });
    assert.deepEqual(samples.map(({ error }) => error), Array(5).fill("refused"));
  },
});

const WRONG: readonly [name: string, options: Parameters<typeof probe>[0], message: RegExp][] = [
  ["no target", { ratePerSecond: 1, count: 1 }, /"url" and "targets"/],
  ["two lengths", { url: "http://x", ratePerSecond: 1, count: 1, durationSeconds: 1 }, /"count"/],
  ["no length", { url: "http://x", ratePerSecond: 1 }, /"count"/],
  ["TLS", { url: "https://x", ratePerSecond: 1, count: 1 }, /url/],
  ["a rate of 0", { url: "http://x", ratePerSecond: 0, count: 1 }, /ratePerSecond/],
  ["a count of 0", { url: "http://x", ratePerSecond: 1, count: 0 }, /count/],
  [
    "a header that would smuggle another",
    { url: "http://x", ratePerSecond: 1, count: 1, headers: { a: "b\r\nc: d" } },
    /headers/,
  ],
];
for (const [name, options, message] of WRONG) {
  Deno.test(`probe() refuses ${name}`, async () => {
    await assert.rejects(probe(options), message);
  });
}

Deno.test("judge() calls a prober that was late or out of CPU the bottleneck", () => {
  const sample = (lateMs: number) => ({ lateMs }) as Sample;
  const late = [...Array(98).fill(0).map(() => sample(1)), sample(30), sample(30)];
  assert.equal(judge(late, 0.1, 10).bottleneck, true);
  assert.equal(judge(late.slice(0, 98), 0.1, 10).bottleneck, false);
  assert.equal(judge(late.slice(0, 98), 0.95, 10).bottleneck, true);
});
