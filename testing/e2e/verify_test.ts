/**
 * The seven checks of `deno task verify`: a sound system passes them, and each finds what it is for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { aggregation } from "../../lab/verify/aggregation.ts";
import { breaker } from "../../lab/verify/breaker.ts";
import { type Check, countOf, type Outcome } from "../../lab/verify/check.ts";
import { counter } from "../../lab/verify/counter.ts";
import {
  cpuBlockingWithOne,
  cpuBlockingWithThree,
  isAsInTheory,
} from "../../lab/verify/cpu_blocking.ts";
import { distribution } from "../../lab/verify/distribution.ts";
import { routing } from "../../lab/verify/routing.ts";
import { verify } from "../../lab/verify/verify.ts";
import { requires } from "../requires.ts";
import { startTestStack, type TestStack } from "../stack.ts";
import { tries } from "../tries.ts";

/** Shorter than the document's 3 s: the theory is the same, and the test has less to wait for. */
const BLOCK_MS = 1_000;
/** Where it only matters which side of a bound the answer is on. */
const SHORT_BLOCK_MS = 300;

/** One check as the stack is, without giving it the replicas that it asks for. */
function run(check: Check, stack: TestStack): Promise<Outcome> {
  return check.run({ stack, url: stack.url, blockMs: SHORT_BLOCK_MS });
}

Deno.test("isAsInTheory() wants nginx to hold up a third, and Caddy somebody", () => {
  const cases: [heldUp: number, front: "nginx" | "caddy", expected: boolean][] = [
    [193, "nginx", true],
    [165, "nginx", true],
    [164, "nginx", false],
    [1, "nginx", false], // once took part in "some were held up, not too many"
    [223, "nginx", false],
    [1, "caddy", true], // its active checks took the replica out
    [0, "caddy", false],
    [223, "caddy", false],
  ];
  for (const [heldUp, front, expected] of cases) {
    assert.equal(isAsInTheory(heldUp, 193.3, front), expected, `${heldUp} on ${front}`);
  }
});

Deno.test({
  name: "verify() passes all seven checks on nginx and puts back what it changed",
  ...requires("nginx", "redis-server"),
  async fn() {
    await tries(2, async () => {
      await using stack = await startTestStack({
        replicas: 2,
        policy: "least-conn",
        scale: { payments: 2 },
      });
      const seen: string[] = [];
      const passed = await verify(stack, (check, outcome) => {
        seen.push(`${outcome.passed ? "pass" : "FAIL"} ${check.title}: ${outcome.seen}`);
      }, { blockMs: BLOCK_MS });
      assert.deepEqual(seen.filter((line) => line.startsWith("FAIL")), []);
      assert.deepEqual([passed, seen.length], [true, 7]);
      const status = await stack.status();
      const counts = [countOf(status, "gateway"), countOf(status, "payments")];
      assert.deepEqual([status.policy, ...counts], ["least-conn", 2, 2]);
    });
  },
});

Deno.test({
  name: "each check fails on the system that it is there to find",
  ...requires("nginx", "redis-server"),
  async fn() {
    // One replica where three are asked for, and no breaker; frozen services are given up on sooner.
    await using stack = await startTestStack({
      replicas: 1,
      gatewayEnv: { LAYERS_OFF: "breaker,bulkhead", UPSTREAM_TIMEOUT_MS: "500" },
    });
    const failed = async (check: Check, seen: RegExp) => {
      const outcome = await run(check, stack);
      assert.match(outcome.seen, seen, check.title);
      assert.equal(outcome.passed, false, `${check.title}: ${outcome.seen}`);
    };
    await Promise.all([
      failed(breaker, /its route 504 in [5-9]\d\d\.\d ms/),
      (async () => {
        await failed(counter, /^gateway-1 1,2,3,4,5,6,7,8,9; shared/);
        await failed(distribution, /^gateway-1 300 of 300/);
        await failed(cpuBlockingWithThree, /round-robin \d+ \(theory 13\)/);
      })(),
    ]);
    await stack.kill("orders-1", "SIGSTOP");
    try {
      await Promise.all([
        failed(routing, /\/api\/orders\?limit=1: 504/),
        failed(aggregation, /errors name orders, payments/),
      ]);
    } finally {
      await stack.kill("orders-1", "SIGCONT");
    }
    // And three where one must hold everybody up.
    await stack.scale({ gateway: 3 });
    await failed(cpuBlockingWithOne, /inline \d{1,2} \(theory 40\)/);
  },
});
