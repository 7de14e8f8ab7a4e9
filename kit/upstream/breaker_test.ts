import assert from "node:assert/strict";
import fc from "fast-check";
import { Breaker, type BreakerState, type Outcome, type Pass } from "./breaker.ts";

/** Trips at each failure, and counts how often it was told to forget. */
function touchy() {
  return {
    resets: 0,
    record: (_nowMs: number, failed: boolean) => failed,
    reset() {
      this.resets++;
    },
  };
}

function call(breaker: Breaker, outcome: Outcome, nowMs: number): boolean {
  const pass = breaker.enter(nowMs);
  breaker.leave(pass, outcome, nowMs);
  return pass !== undefined;
}

Deno.test("Breaker opens when its rule says so, and refuses until its time is over", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0 });
  assert.equal(call(breaker, "success", 0), true);
  assert.equal(call(breaker, "failure", 100), true);
  assert.deepEqual(breaker.state, { kind: "open", untilMs: 5_100, openings: 1 });
  assert.equal(breaker.retryAfterMs(1_100), 4_000);
  assert.equal(call(breaker, "success", 5_099), false);
  assert.equal(call(breaker, "success", 5_100), true);
});

Deno.test("Breaker closes after three probes that succeed, and starts anew", () => {
  const rule = touchy();
  const breaker = new Breaker({ rule, random: () => 0 });
  call(breaker, "failure", 0);
  call(breaker, "success", 5_000);
  call(breaker, "success", 5_000);
  assert.deepEqual(breaker.state, { kind: "half-open", openings: 1, admitted: 2, succeeded: 2 });
  call(breaker, "success", 5_000);
  assert.deepEqual(breaker.state, { kind: "closed" });
  assert.equal(rule.resets, 1);
});

Deno.test("Breaker lets three probes through at a time and refuses the rest", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0 });
  call(breaker, "failure", 0);
  const passes = Array.from({ length: 10 }, () => breaker.enter(6_000));
  assert.equal(passes.filter((pass) => pass !== undefined).length, 3);
  assert.equal(breaker.retryAfterMs(6_000), 0);
});

Deno.test("Breaker opens for twice as long each time a probe fails, up to a minute", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0 });
  let nowMs = 0;
  call(breaker, "failure", nowMs);
  const times = [];
  for (let i = 0; i < 6; i++) {
    const { state } = breaker;
    assert.ok(state.kind === "open");
    times.push(state.untilMs - nowMs);
    nowMs = state.untilMs;
    call(breaker, "failure", nowMs);
  }
  assert.deepEqual(times, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

Deno.test("Breaker begins with a short time again once it was closed", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0 });
  call(breaker, "failure", 0);
  call(breaker, "failure", 5_000);
  for (let probe = 0; probe < 3; probe++) call(breaker, "success", 15_000);
  assert.equal(breaker.state.kind, "closed");
  call(breaker, "failure", 20_000);
  assert.deepEqual(breaker.state, { kind: "open", untilMs: 25_000, openings: 1 });
});

Deno.test("Breaker shortens its open time by up to the jitter", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0.999999, jitter: 0.2 });
  call(breaker, "failure", 0);
  assert.ok(breaker.state.kind === "open" && Math.abs(breaker.state.untilMs - 4_000) < 1);
});

Deno.test("Breaker gives a probe's place back when it says nothing about the service", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0 });
  call(breaker, "failure", 0);
  for (let probe = 0; probe < 10; probe++) assert.equal(call(breaker, "ignored", 5_000), true);
  assert.deepEqual(breaker.state, { kind: "half-open", openings: 1, admitted: 0, succeeded: 0 });
});

Deno.test("Breaker ignores the end of calls that were begun in an earlier state", () => {
  const breaker = new Breaker({ rule: touchy(), random: () => 0 });
  const slow = Array.from({ length: 3 }, () => breaker.enter(0));
  call(breaker, "failure", 0);
  breaker.leave(slow[0], "success", 1);
  assert.equal(breaker.state.kind, "open");
  const probe = breaker.enter(5_000);
  breaker.leave(slow[1], "failure", 5_000);
  assert.equal(breaker.state.kind, "half-open", "a call from before the pause is no probe");
  breaker.leave(slow[2], "success", 5_000);
  assert.deepEqual(breaker.state, { kind: "half-open", openings: 1, admitted: 1, succeeded: 0 });
  breaker.leave(probe, "failure", 5_001);
  assert.deepEqual(breaker.state as BreakerState, { kind: "open", untilMs: 15_001, openings: 2 });
});

Deno.test("Breaker tells of each change once", () => {
  const kinds: string[] = [];
  const breaker = new Breaker({
    rule: touchy(),
    random: () => 0,
    onChange: ({ kind }) => kinds.push(kind),
  });
  call(breaker, "success", 0);
  call(breaker, "failure", 0);
  call(breaker, "success", 1);
  for (let probe = 0; probe < 3; probe++) call(breaker, "success", 5_000);
  assert.deepEqual(kinds, ["open", "half-open", "closed"]);
});

Deno.test("Breaker keeps its promises whatever happens", () => {
  type Step = { do: "enter" | "wait" | Outcome; n: number };
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom("enter", "enter", "wait", "success", "failure", "ignored"),
    n: fc.nat(70_000),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (steps, random) => {
        const changes: BreakerState[] = [];
        const breaker = new Breaker({
          random: () => random,
          onChange: (state) => changes.push(state),
        });
        const calls: Pass[] = [];
        let nowMs = 0;
        let probesIn = 0;
        let succeeded = 0;
        for (const { do: action, n } of steps) {
          const before = breaker.state;
          if (action === "wait") nowMs += n % 7 === 0 ? n : n % 100;
          else if (action === "enter") {
            const pass = breaker.enter(nowMs);
            const { state } = breaker;
            if (before.kind === "open" && state.kind === "half-open") probesIn = succeeded = 0;
            if (before.kind === "open") {
              assert.equal(pass !== undefined, nowMs >= before.untilMs);
            }
            if (state.kind === "half-open" && pass !== undefined) probesIn++;
            assert.ok(state.kind !== "half-open" || probesIn <= 3);
            if (before.kind === "closed") assert.notEqual(pass, undefined);
            if (pass !== undefined) calls.push(pass);
          } else if (calls.length > 0) {
            const [pass] = calls.splice(n % calls.length, 1);
            const own = before.kind === "half-open" && breaker.state === before;
            breaker.leave(pass, action, nowMs);
            const { state } = breaker;
            if (own && state.kind === "half-open" && before.kind === "half-open") {
              probesIn -= before.admitted - state.admitted;
              succeeded += state.succeeded - before.succeeded;
            }
            if (before.kind === "half-open" && state.kind === "closed") assert.equal(succeeded, 2);
            if (before.kind === "open") assert.equal(state, before, "no call that ends changes it");
            if (state.kind === "open" && before.kind !== "open") {
              const longest = Math.min(60_000, 5_000 * 2 ** (state.openings - 1));
              const openMs = state.untilMs - nowMs;
              assert.ok(openMs <= longest && openMs >= longest * 0.8 - 1e-6);
              assert.equal(state.openings, before.kind === "half-open" ? before.openings + 1 : 1);
            }
          }
        }
        for (const [i, { kind }] of changes.entries()) {
          if (kind === "open") continue;
          assert.equal(changes[i - 1]?.kind, kind === "half-open" ? "open" : "half-open");
        }
      },
    ),
    { numRuns: 500 },
  );
});

for (
  const options of [
    { openMs: 0 },
    { openMs: 10, maxOpenMs: 9 },
    { jitter: 1 },
    { jitter: -0.1 },
    { probes: 0 },
    { probes: 1.5 },
  ]
) {
  Deno.test(`Breaker refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => new Breaker(options), { name: "RangeError" });
  });
}
