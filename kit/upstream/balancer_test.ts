import assert from "node:assert/strict";
import { seeded } from "../../testing/seeded.ts";
import { Balancer } from "./balancer.ts";

function endpoints(first: string[]) {
  let now: readonly string[] = first;
  return {
    set: (next: string[]) => void (now = next),
    current: () => now,
    [Symbol.dispose]() {},
  };
}

Deno.test("Balancer.pick() spreads idle replicas evenly", () => {
  const balancer = new Balancer(endpoints(["a", "b", "c"]), { random: seeded(1) });
  const picked: Record<string, number> = {};
  for (let i = 0; i < 3_000; i++) {
    const { origin } = balancer.pick(0) ?? { origin: "none" };
    picked[origin] = (picked[origin] ?? 0) + 1;
  }
  for (const origin of ["a", "b", "c"]) {
    const count = picked[origin] ?? 0;
    assert.ok(count > 900 && count < 1_100, `${origin} was picked ${count} times of 3000`);
  }
});

Deno.test("Balancer.pick() takes the less busy of two", () => {
  const balancer = new Balancer(endpoints(["a", "b"]), { random: seeded(2) });
  const [a, b] = balancer.endpoints;
  assert.ok(a && b);
  a.inFlight = 1;
  for (let i = 0; i < 100; i++) assert.equal(balancer.pick(0), b);
});

Deno.test("Balancer.pick() never takes the busiest of three", () => {
  const balancer = new Balancer(endpoints(["a", "b", "c"]), { random: seeded(3) });
  const [a] = balancer.endpoints;
  assert.ok(a);
  a.inFlight = 5;
  for (let i = 0; i < 200; i++) assert.notEqual(balancer.pick(0), a);
});

Deno.test("Balancer.pick() leaves out the ejected and the one to avoid, unless there is no other", () => {
  const balancer = new Balancer(endpoints(["a", "b", "c"]), { random: seeded(4) });
  const [a, b, c] = balancer.endpoints;
  assert.ok(a && b && c);
  a.ejectedUntilMs = 100;
  b.inFlight = 9;
  for (let i = 0; i < 50; i++) {
    assert.notEqual(balancer.pick(99), a);
    assert.equal(balancer.pick(99, c), b, "busy, but neither ejected nor avoided");
  }
  b.ejectedUntilMs = c.ejectedUntilMs = 100;
  assert.ok(balancer.pick(99), "all are ejected: any is better than none");
  assert.notEqual(balancer.pick(99, c), c);
  assert.ok(Array.from({ length: 50 }, () => balancer.pick(100)).includes(a), "its time is over");
});

Deno.test("Balancer.pick() passes a replica that failed over for a while, then tries it with one request", () => {
  const balancer = new Balancer(endpoints(["a", "b"]), { random: seeded(5) });
  const [a, b] = balancer.endpoints;
  assert.ok(a && b);
  a.consecutiveFailures = 1;
  a.passOver = 3;
  b.inFlight = 9;
  for (let i = 0; i < 10; i++) balancer.pick(0, b);
  for (let i = 0; i < 3; i++) assert.equal(balancer.pick(0), b, "busy, but not in doubt");
  assert.equal(balancer.pick(0), a);
  a.inFlight = 1;
  for (let i = 0; i < 50; i++) assert.equal(balancer.pick(0), b, "one at a time");
  a.consecutiveFailures = 0;
  assert.equal(balancer.pick(0), a, "it answered well");
});

Deno.test("Balancer.pick() takes all that are not ejected when all are in doubt", () => {
  const balancer = new Balancer(endpoints(["a", "b", "c"]), { random: seeded(6) });
  const [a, b, c] = balancer.endpoints;
  assert.ok(a && b && c);
  for (const endpoint of [a, b, c]) {
    Object.assign(endpoint, { consecutiveFailures: 2, passOver: 99 });
  }
  c.ejectedUntilMs = 100;
  const picked = new Set(Array.from({ length: 50 }, () => balancer.pick(0)));
  assert.deepEqual(picked, new Set([a, b]));
});

Deno.test("Balancer.pick() takes a replica that is silent for a busier one, within bounds", () => {
  const balancer = new Balancer(endpoints(["a", "b"]), { random: seeded(7) });
  const [a, b] = balancer.endpoints;
  assert.ok(a && b);
  a.inFlight = 1;
  for (const [nowMs, busy, expected] of [[50, 4, a], [51, 4, b], [51, 6, a]] as const) {
    b.inFlight = busy;
    b.silentSinceMs = nowMs;
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick(nowMs), expected, `${nowMs} ${busy}`);
  }
  a.inFlight = 0;
  b.inFlight = 1;
  assert.equal(balancer.pick(10_000), a, "who has nothing to answer is not silent");
});

Deno.test("Balancer.hasOther() counts neither the ejected nor those that fail just now", () => {
  const balancer = new Balancer(endpoints(["a", "b"]));
  const [a, b] = balancer.endpoints;
  assert.ok(a && b);
  assert.equal(balancer.hasOther(a, 0), true);
  b.ejectedUntilMs = 100;
  assert.equal(balancer.hasOther(a, 99), false);
  assert.equal(balancer.hasOther(b, 99), true);
  b.consecutiveFailures = 1;
  assert.equal(balancer.hasOther(a, 100), true, "it may be well by now");
  b.inFlight = 1;
  assert.equal(balancer.hasOther(a, 100), false);
});

Deno.test("Balancer.pick() takes the only replica, whatever happened, and none when there is none", () => {
  const list = endpoints(["a"]);
  const balancer = new Balancer(list);
  const [a] = balancer.endpoints;
  assert.ok(a);
  a.ejectedUntilMs = 100;
  assert.equal(balancer.pick(0, a), a);
  list.set([]);
  assert.equal(balancer.pick(0), undefined);
});

Deno.test("Balancer.endpoints keeps what is known of a replica when the list changes", () => {
  const list = endpoints(["a", "b"]);
  const balancer = new Balancer(list);
  const [a] = balancer.endpoints;
  list.set(["c", "a", "c"]);
  const now = balancer.endpoints;
  assert.deepEqual(now.map(({ origin }) => origin), ["c", "a"]);
  assert.equal(now[1], a);
});
