import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import type { LifecycleState } from "./lifecycle.ts";
import { LoadShedder, type LoadShedderOptions, requestAgeMs } from "./load_shedder.ts";

const INTERVAL_MS = 20;

/** A shedder whose dice show 0.5 unless told otherwise. */
function createShedder(options: Partial<LoadShedderOptions> = {}) {
  const clock = new FakeClock();
  const lifecycle = { inFlight: 1, state: { kind: "ready" } as LifecycleState };
  const dice = { next: 0.5 };
  const random = () => dice.next;
  const shedder = new LoadShedder({
    lifecycle,
    clock,
    random,
    intervalMs: INTERVAL_MS,
    warmUpMs: 0,
    ...options,
  });
  /** Lag that goes on for so long: samples of `lagMs`, each `INTERVAL_MS + lagMs` apart. */
  const lagFor = (durationMs: number, lagMs: number) => {
    for (let t = 0; t < durationMs; t += INTERVAL_MS + lagMs) shedder.observeLag(lagMs);
  };
  const ask = (ageMs: number) => shedder.refuse(`t=${(clock.wallNow() - ageMs) / 1_000}`);
  /** Requests each `everyMs` for so long, all of the same age; the answers, each kind once. */
  const askFor = (durationMs: number, ageMs: number, everyMs = 5) => {
    const answers = new Set<string | undefined>();
    for (let t = 0; t < durationMs; t += everyMs) {
      clock.block(everyMs);
      answers.add(ask(ageMs));
    }
    return [...answers];
  };
  return { shedder, lifecycle, clock, dice, lagFor, ask, askFor };
}

Deno.test("LoadShedder admits everything while nothing waits", () => {
  const { shedder, lifecycle, lagFor, askFor } = createShedder();
  lagFor(10_000, 1);
  lifecycle.inFlight = 1_024;
  assert.equal(shedder.refuse(null), undefined);
  assert.deepEqual(askFor(10_000, 10), [undefined]);
});

Deno.test("LoadShedder refuses what waited beyond the target once the queue has stood for a while", () => {
  const { ask, askFor } = createShedder();
  assert.deepEqual(askFor(1_000, 11), [undefined]);
  assert.deepEqual(askFor(1_000, 11), ["queue-age"]);
  assert.equal(ask(6), "queue-age", "half the wait that it took to begin");
  assert.equal(ask(5), undefined, "a short wait is served even then");
});

Deno.test("LoadShedder serves bursts, but is quick to refuse once there has been an overload", () => {
  const { askFor } = createShedder();
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(askFor(700, 100), [undefined], `${i}`);
    assert.deepEqual(askFor(500, 1), [undefined], `${i}`);
  }
  askFor(1_500, 100);
  askFor(500, 1); // over
  assert.deepEqual(askFor(250, 100), [undefined]);
  assert.deepEqual(askFor(250, 100), ["queue-age"]);
  askFor(11_000, 1); // and forgotten
  assert.deepEqual(askFor(700, 100), [undefined]);
});

Deno.test("LoadShedder takes slowness after the first request for a cold start, not for overload", () => {
  const { shedder, lifecycle, clock, lagFor, askFor } = createShedder({ warmUpMs: 3_000 });
  clock.block(60_000); // however long nobody came
  assert.deepEqual(askFor(3_000, 50), [undefined]);
  lifecycle.inFlight = 1_025;
  assert.equal(shedder.refuse(null), "in-flight", "memory is bounded from the start");
  lifecycle.inFlight = 1;
  assert.deepEqual(askFor(1_000, 50), ["queue-age"], "a queue that still stands is none of that");
  lagFor(5_000, 200);
  assert.equal(shedder.refuse(null), "lag");
});

Deno.test("LoadShedder goes on refusing until next to nothing waits beyond the target", () => {
  const { ask, askFor, clock } = createShedder();
  askFor(1_350, 50);
  for (let i = 0; i < 125; i++) { // ten windows in which one of four is late
    assert.deepEqual(askFor(15, 1), [undefined]);
    clock.block(5);
    assert.equal(ask(6), "queue-age");
  }
  for (let i = 0; i < 2; i++) { // two in which one of fifty is
    askFor(245, 1);
    clock.block(5);
    ask(6);
  }
  assert.equal(ask(11), undefined);
});

Deno.test("LoadShedder takes a window in which most did not wait for no standing queue", () => {
  const { ask, askFor, clock } = createShedder();
  for (let i = 0; i < 200; i++) {
    assert.deepEqual(askFor(10, 1), [undefined]);
    clock.block(5);
    assert.equal(ask(100), undefined, `${i}`);
  }
});

Deno.test("LoadShedder takes a few late requests for no standing queue", () => {
  const { askFor } = createShedder();
  assert.deepEqual(askFor(10_000, 100, 11), [undefined]); // 22 in a window
});

Deno.test("LoadShedder refuses nothing after one block, however long", () => {
  const { shedder, lifecycle, ask, askFor, clock, dice } = createShedder();
  dice.next = 0;
  askFor(1_000, 1);
  for (const blockMs of [3_000, 4_000]) { // a second one as soon as the first is over
    clock.block(blockMs);
    shedder.observeLag(blockMs);
    for (let ageMs = blockMs; ageMs > 0; ageMs -= 5) {
      assert.equal(ask(ageMs), undefined, `${ageMs}`);
    }
    assert.deepEqual(askFor(200, 1), [undefined]);
  }
  for (let i = 0; i < 250; i++) shedder.observeLag(0);
  shedder.observeLag(60_000);
  lifecycle.inFlight = 300; // what gathered meanwhile
  assert.equal(shedder.refuse(null), undefined);
});

Deno.test("LoadShedder refuses what waited longer than the maximum, queue or not", () => {
  const { ask } = createShedder({ maxQueueAgeMs: 1_000 });
  assert.equal(ask(1_000), undefined);
  assert.equal(ask(1_001), "queue-age");
});

Deno.test("LoadShedder lowers the in-flight limit while lag goes on, and raises it when it is over", () => {
  const { shedder, lifecycle, lagFor } = createShedder();
  lagFor(3_000, 14); // short of the target
  assert.equal(shedder.limit, 1_024);
  lagFor(400, 30);
  assert.ok(shedder.limit < 1_024 && shedder.limit > 64, `${shedder.limit}`);
  lagFor(3_000, 30);
  assert.equal(shedder.limit, 64);
  lifecycle.inFlight = 64;
  assert.equal(shedder.refuse(null), undefined);
  lifecycle.inFlight = 65;
  assert.equal(shedder.refuse(null), "in-flight");
  lagFor(1_000, 0);
  assert.ok(shedder.limit < 1_024 && shedder.limit > 64, `${shedder.limit}`);
  lagFor(4_000, 0);
  assert.equal(shedder.limit, 1_024);
});

Deno.test("LoadShedder takes a maximum below the usual minimum as the minimum too", () => {
  const { shedder, lagFor } = createShedder({ maxInFlight: 8 });
  lagFor(3_000, 30);
  assert.equal(shedder.limit, 8);
});

Deno.test("LoadShedder leaves a queue of asynchronous work to the in-flight limit", () => {
  const { lifecycle, ask, askFor } = createShedder();
  lifecycle.inFlight = 17;
  assert.deepEqual(askFor(1_350, 11), [undefined]);
  lifecycle.inFlight = 16;
  assert.equal(ask(11), "queue-age");
});

Deno.test("LoadShedder refuses what is in flight beyond the maximum", () => {
  const { shedder, lifecycle, ask } = createShedder({ maxInFlight: 10 });
  lifecycle.inFlight = 10; // the request itself is among them
  assert.equal(shedder.refuse(null), undefined);
  lifecycle.inFlight = 11;
  assert.equal(shedder.refuse(null), "in-flight");
  assert.equal(ask(1), "in-flight");
});

Deno.test("LoadShedder refuses a share that grows with the average lag beyond the high-water mark", () => {
  // By now the average is the lag itself: 70 ms refuses none, 105 ms half, 140 ms all.
  for (
    const [lagMs, dice, reason] of [
      [70, 0, undefined],
      [105, 0.49, "lag"],
      [105, 0.51, undefined],
      [140, 0.999, "lag"],
    ] as const
  ) {
    const fixture = createShedder();
    fixture.lagFor(60_000, lagMs);
    fixture.dice.next = dice;
    assert.equal(fixture.shedder.refuse(null), reason, `${lagMs} ms, ${dice}`);
  }
});

Deno.test("LoadShedder refuses by lag what carries no time of the front, or comes too seldom", () => {
  const { shedder, lifecycle, lagFor, askFor } = createShedder();
  askFor(1_000, 1);
  lagFor(60_000, 200);
  assert.deepEqual(askFor(250, 100), [undefined]);
  assert.deepEqual(askFor(250, 100, 50), [undefined], "which only the end of the window tells");
  assert.deepEqual(askFor(1_000, 100, 50), ["lag"]);
  assert.deepEqual(askFor(1_000, 10, 50), [undefined], "who did not wait is served");
  lifecycle.inFlight = 17;
  assert.deepEqual(askFor(1_000, 100, 50), [undefined], "what waits is asynchronous");
  lifecycle.inFlight = 1;
  assert.equal(shedder.refuse(null), "lag");
  assert.equal(shedder.refuse("yesterday"), "lag");
});

Deno.test("LoadShedder refuses nothing while the instance drains", () => {
  const { shedder, lifecycle, lagFor, ask, askFor } = createShedder();
  lagFor(60_000, 200);
  askFor(1_000, 100);
  lifecycle.inFlight = 2_000;
  lifecycle.state = { kind: "draining", sinceMs: 0 };
  for (const ageMs of [1, 100, 10_000]) assert.equal(ask(ageMs), undefined);
  assert.equal(shedder.refuse(null), undefined);
});

Deno.test("LoadShedder refuses options that cannot hold", () => {
  for (
    const options of [
      { intervalMs: 0 },
      { targetQueueMs: -1 },
      { targetLagMs: 0 },
      { maxInFlight: NaN },
      { highWaterMs: 0 },
      { maxQueueAgeMs: 0 },
    ]
  ) assert.throws(() => createShedder(options), RangeError, JSON.stringify(options));
});

Deno.test("requestAgeMs() reads what fronts write, and nothing else", () => {
  const now = 1_700_000_000_500;
  const cases: [value: string, ageMs: number | undefined][] = [
    ["t=1700000000.123", 377], // nginx: seconds with milliseconds
    ["t=1700000000123", 377], // Caddy: milliseconds
    ["t=1700000000123000", 377], // microseconds
    ["1700000000.123", 377], // without the prefix
    ["t=1700000000.500", 0],
    ["t=1700000000.501", undefined], // the future: clocks differ
    ["t=1699999940.500", 60_000],
    ["t=1699999940.499", undefined], // older than anything that still waits
    ["t=1e300", undefined],
    ["t=Infinity", undefined],
    ["t=NaN", undefined],
    ["t=-1700000000", undefined],
    ["t=0", undefined],
    ["t=", undefined],
    ["", undefined],
    ["now", undefined],
    ["t=1700000000.123, t=1700000000.1", undefined], // twice: somebody forged one of them
    ["9".repeat(10_000), undefined],
  ];
  for (const [value, ageMs] of cases) {
    const age = requestAgeMs(value, now);
    assert.equal(age === undefined ? age : Math.round(age), ageMs, value.slice(0, 40));
  }
});
