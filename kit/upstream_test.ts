import assert from "node:assert/strict";
import type { FakeServer } from "../testing/fake_send.ts";
import { seeded } from "../testing/seeded.ts";
import { broken, createTestUpstream, fine, hung, refused, times } from "../testing/upstream.ts";

Deno.test("upstream opens its breaker after 20 failed calls, then answers without a call", async () => {
  for (const behaviour of [broken, refused]) {
    const { ask, seen, upstream, clock } = createTestUpstream({ a: behaviour }, {
      layersOff: ["retry"],
    });
    // deno-lint-ignore no-await-in-loop -- one case after the other
    await times(20, ask);
    assert.equal(upstream.snapshot().breaker.kind, "open");
    const before = clock.now();
    // deno-lint-ignore no-await-in-loop -- one case after the other
    assert.deepEqual(await times(30, ask), Array(30).fill("unavailable"));
    assert.equal(seen.length, 20);
    assert.equal(clock.now(), before);
    assert.equal(upstream.snapshot().refused, 30);
  }
});

Deno.test("upstream says when to come back while its breaker is open", async () => {
  const { ask, upstream, clock } = createTestUpstream({ a: refused }, {
    layersOff: ["retry"],
    random: () => 0,
  });
  await times(20, ask);
  await clock.advance(1_000);
  const refusal = upstream.send({ method: "GET", path: "/", deadlineAtMs: 9_000 });
  await assert.rejects(refusal, { type: "unavailable", headers: { "retry-after": "4" } });
});

Deno.test("upstream closes its breaker by itself when the service is back", async () => {
  const { ask, setBehaviour, upstream, clock } = createTestUpstream({ a: hung }, {
    layersOff: ["retry"],
  });
  await Promise.all(Array.from({ length: 20 }, () => ask("POST", "{}")));
  assert.equal(upstream.snapshot().breaker.kind, "open");
  setBehaviour("a", fine);
  assert.equal(await ask(), "unavailable");
  await clock.advance(5_000);
  assert.deepEqual(await times(3, ask), [200, 200, 200]);
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});

Deno.test("upstream asks a service that was silent for long again as soon as it answers its readiness", async () => {
  const { ask, setBehaviour, upstream, clock } = createTestUpstream({ a: hung }, {
    layersOff: ["retry"],
  });
  await Promise.all(Array.from({ length: 20 }, () => ask("POST", "{}")));
  for (let outageMs = 0; outageMs < 60_000; outageMs += 1_000) {
    // deno-lint-ignore no-await-in-loop -- clients keep coming
    await Promise.all([ask(), clock.advance(1_000)]);
  }
  const state = upstream.snapshot().breaker;
  assert.ok(state.kind === "open" && state.openings > 2, "its pauses had grown long");
  setBehaviour("a", fine);
  await clock.advance(3_100);
  assert.deepEqual(await times(3, ask), [200, 200, 200]);
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});

Deno.test("upstream leaves a service that is ready but fails its calls to the growing pauses", async () => {
  const failing: FakeServer = (request) =>
    new URL(request.url).pathname === "/readyz" ? fine() : broken();
  const { ask, seen, upstream, clock } = createTestUpstream({ a: failing }, {
    layersOff: ["retry"],
  });
  await times(20, ask);
  for (let passedMs = 0; passedMs < 60_000; passedMs += 500) {
    // deno-lint-ignore no-await-in-loop -- clients keep coming
    await Promise.all([ask(), clock.advance(500)]);
  }
  const state = upstream.snapshot().breaker;
  assert.ok(state.kind === "open" && state.openings === 4, "opened after 0, 5, 15 and 35 s");
  assert.equal(seen.length, 20 + 3 + 3, "one call and one look at its readiness after each pause");
});

Deno.test("upstream ejects the replica that fails, so that others serve even what is not retried", async () => {
  const { ask, to, upstream } = createTestUpstream({ a: broken, b: fine });
  await times(100, () => ask("POST", "{}"));
  assert.equal(to("a"), 5);
  assert.equal(
    upstream.snapshot().endpoints.find(({ origin }) => origin === "http://a")?.ejected,
    true,
  );
  assert.equal(upstream.snapshot().breaker.kind, "closed");
  assert.deepEqual(new Set(await times(100, () => ask("POST", "{}"))), new Set([200]));
});

Deno.test("upstream leaves a replica alone that others overtake, and ejects it when its requests time out", async () => {
  const { ask, to, upstream, clock, setBehaviour } = createTestUpstream({ a: fine, b: fine }, {
    layersOff: ["coalesce"],
  });
  await times(100, ask);
  setBehaviour("a", hung);
  for (let client = 0; client < 10; client++) ask();
  await clock.advance(300);
  const before = to("a");
  for (let burst = 0; burst < 5; burst++) {
    for (let client = 0; client < 10; client++) ask();
    // deno-lint-ignore no-await-in-loop -- one burst after the other
    await clock.advance(300);
  }
  assert.equal(to("a"), before);
  await clock.advance(500);
  assert.ok(upstream.snapshot().endpoints.some(({ ejected }) => ejected));
});

for (const [what, behaviour] of [["answers 500", broken], ["refuses", refused]] as const) {
  Deno.test(`upstream hides from all who GET one after the other that one of two replicas ${what}`, async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { ask, to, setBehaviour } = createTestUpstream({ a: fine, b: fine }, {
        random: seeded(seed),
      });
      // deno-lint-ignore no-await-in-loop -- one seed after the other
      await times(seed % 20, ask);
      setBehaviour("a", behaviour);
      const before = to("a");
      // deno-lint-ignore no-await-in-loop -- one seed after the other
      assert.deepEqual(new Set(await times(150, ask)), new Set([200]), `seed ${seed}`);
      assert.equal(to("a") - before, 5, "it is tried until it is ejected");
    }
  });
}

Deno.test("upstream refuses more than it may have in flight, and takes more when some are done", async () => {
  const gate = Promise.withResolvers<void>();
  const { upstream, clock } = createTestUpstream({
    a: async () => {
      await gate.promise;
      return fine();
    },
  }, { maxConcurrent: 2, layersOff: ["coalesce"] });
  const send = () => upstream.send({ method: "GET", path: "/", deadlineAtMs: 2_000 });
  const first = [send(), send()];
  await assert.rejects(send(), { type: "overloaded", headers: { "retry-after": "1" } });
  assert.equal(upstream.snapshot().active, 2);
  gate.resolve();
  await Promise.all(first);
  assert.equal((await send()).status, 200);
  assert.equal(upstream.snapshot().refused, 1);
  assert.equal(clock.now(), 0);
});

Deno.test("upstream coalesces identical GETs in flight", async () => {
  const gate = Promise.withResolvers<void>();
  const { upstream, seen } = createTestUpstream({
    a: async () => {
      await gate.promise;
      return new Response("{}", { headers: { "content-length": "2" } });
    },
  });
  const send = (credentials: string) =>
    upstream.send({ method: "GET", path: "/", deadlineAtMs: 2_000, credentials });
  const pending = [...Array(32).fill("same"), ...Array.from({ length: 32 }, (_, i) => `${i}`)].map(
    send,
  );
  gate.resolve();
  await Promise.all(pending);
  assert.equal(seen.length, 33);
  assert.equal(upstream.snapshot().coalesced, 31);
});

Deno.test("upstream follows a changing list of replicas", async () => {
  const { ask, setList, to } = createTestUpstream({ a: fine, b: fine });
  setList("a");
  await times(5, ask);
  setList("b");
  await times(5, ask);
  assert.deepEqual([to("a"), to("b")], [5, 5]);
  setList();
  assert.equal(await ask(), "bad-gateway");
});

Deno.test("upstream leaves layers out when told to", async () => {
  const without = createTestUpstream({ a: refused }, { layersOff: ["breaker", "retry"] });
  await times(50, without.ask);
  assert.equal(without.seen.length, 50);
  assert.equal(without.upstream.snapshot().breaker.kind, "closed");

  const endless = createTestUpstream({ a: hung }, { layersOff: ["deadline"] });
  let answered = false;
  endless.upstream.send({ method: "GET", path: "/", deadlineAtMs: 100 }).finally(() =>
    answered = true
  );
  await endless.clock.advance(10_000);
  assert.equal(answered, false);
  assert.equal(endless.seen[0]?.headers.has("x-deadline-ms"), false);

  const both = createTestUpstream({ a: broken, b: fine }, { layersOff: ["ejection", "retry"] });
  await times(30, () => both.ask("POST", "{}"));
  assert.ok(both.to("a") > 8);
});
