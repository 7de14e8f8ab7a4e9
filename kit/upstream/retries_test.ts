import assert from "node:assert/strict";
import fc from "fast-check";
import type { FakeServer } from "../../testing/fake_send.ts";
import { broken, createTestUpstream, fine, hung, refused, times } from "../../testing/upstream.ts";
import type { UpstreamOptions } from "../upstream.ts";

Deno.test("upstream retries a GET that failed, on another replica, after a random pause", async () => {
  for (const behaviour of [broken, refused]) {
    const { ask, to, upstream } = createTestUpstream({ a: behaviour, b: fine });
    // deno-lint-ignore no-await-in-loop -- one case after the other
    assert.deepEqual(new Set(await times(20, ask)), new Set([200]));
    assert.ok(to("a") > 0, "the broken one was asked");
    assert.equal(upstream.snapshot().retries, to("a"));
  }
});

Deno.test("upstream hands each further attempt what is left of the one deadline", async () => {
  const { ask, seen, clock } = createTestUpstream({ a: refused }, {
    layersOff: ["breaker"],
    random: () => 0.5,
  });
  const start = clock.now();
  assert.equal(await ask(), "bad-gateway");
  const left = seen.map(({ headers }) => Number(headers.get("x-deadline-ms")));
  assert.deepEqual(left, [2_000, 1_987, 1_962], "pauses of 12.5 and 25 ms");
  assert.ok(clock.now() - start < 50);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  for (const [name, behaviour] of Object.entries({ broken, refused, hung })) {
    Deno.test(`upstream sends ${method} once to a service that is ${name}`, async () => {
      const { ask, seen } = createTestUpstream({ a: behaviour, b: behaviour });
      assert.notEqual(await ask(method, "{}"), 200);
      assert.equal(seen.length, 1);
    });
  }
}

Deno.test("upstream does not retry what a service refuses with Retry-After, nor counts it as failing", async () => {
  const busy = () => new Response(null, { status: 503, headers: { "retry-after": "1" } });
  const { ask, seen, upstream } = createTestUpstream({ a: busy });
  assert.deepEqual(new Set(await times(100, ask)), new Set([503]));
  assert.equal(seen.length, 100);
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});

Deno.test("upstream passes the last answer of a failing service on", async () => {
  const { upstream, clock } = createTestUpstream({ a: broken });
  const pending = upstream.send({ method: "GET", path: "/users", deadlineAtMs: 2_000 });
  await clock.advance(200);
  assert.equal(await (await pending).text(), "broken");
});

Deno.test("upstream bounds attempts to 1.2 a request and 3 more, whatever fails", async () => {
  const behaviours = fc.array(fc.constantFrom(fine, broken, refused), {
    minLength: 1,
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(behaviours, fc.integer({ min: 1, max: 3 }), async (behaviours, size) => {
      let call = 0;
      const next: FakeServer = () => (behaviours[call++ % behaviours.length] ?? fine)();
      const replicas = Object.fromEntries(["a", "b", "c"].slice(0, size).map((n) => [n, next]));
      const { ask, seen } = createTestUpstream(replicas, { layersOff: ["breaker"] });
      for (let request = 1; request <= 40; request++) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        await ask();
        assert.ok(seen.length <= 1.2 * request + 3 + 1e-9, `${seen.length} for ${request}`);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("upstream hedges a GET on a replica that hangs, and ejects that one", async () => {
  const { ask, to, upstream, clock } = createTestUpstream({ a: hung, b: fine }, {
    hedgeAfterMs: 250,
  });
  for (let i = 0; i < 30; i++) {
    const start = clock.now();
    // deno-lint-ignore no-await-in-loop -- one after the other
    assert.equal(await ask(), 200);
    assert.ok(clock.now() - start < 300, `${clock.now() - start} ms`);
  }
  assert.ok(to("a") <= 5, `${to("a")} requests went to the hung replica`);
  assert.equal(upstream.snapshot().hedges, to("a"));
});

Deno.test("upstream does not hedge on a replica that is ejected", async () => {
  const { ask, to, setBehaviour, upstream } = createTestUpstream({ a: broken, b: fine });
  await times(100, ask);
  assert.equal(to("a"), 5);
  setBehaviour("b", hung);
  assert.equal(await ask(), "gateway-timeout");
  assert.equal(upstream.snapshot().hedges, 0);
  assert.equal(to("a"), 5);
});

Deno.test("upstream does not retry when the pause would outlast the deadline", async () => {
  const { upstream, clock, seen } = createTestUpstream({ a: refused }, { random: () => 0.9 });
  const answer = upstream.send({ method: "GET", path: "/", deadlineAtMs: clock.now() + 20 });
  await assert.rejects(answer, { type: "bad-gateway" });
  assert.equal(seen.length, 1);
});

Deno.test("upstream waits for the first attempt when the hedge fails", async () => {
  const slow: FakeServer = async () => {
    await clock.sleep(600);
    return fine();
  };
  let calls = 0;
  const slowThenBroken: FakeServer = (request) => calls++ === 0 ? slow(request) : broken();
  const { ask, clock, seen } = createTestUpstream({ a: slowThenBroken, b: slowThenBroken });
  assert.equal(await ask(), 200);
  assert.equal(seen.length, 2);
  assert.ok(clock.now() >= 600);
});

Deno.test("upstream does not hedge what can change something, nor with one replica", async () => {
  const slow: FakeServer = async () => {
    await clock.sleep(1_000);
    return fine();
  };
  const { ask, seen, clock, setList } = createTestUpstream({ a: slow, b: slow });
  assert.equal(await ask("POST", "{}"), 200);
  assert.equal(seen.length, 1);
  setList("a");
  assert.equal(await ask(), 200);
  assert.equal(seen.length, 2);
});

Deno.test("upstream bounds retries by a budget unless that layer is left out", async () => {
  const attemptsOf = async (layersOff: UpstreamOptions["layersOff"] & object) => {
    const { ask, seen } = createTestUpstream({ a: broken }, { layersOff });
    await times(100, ask);
    return seen.length;
  };
  // A fifth of 100, and the 3 that are always there; 0.2 added 100 times may fall short of 20.
  const bounded = await attemptsOf(["breaker"]);
  assert.ok(bounded === 123 || bounded === 122, `${bounded}`);
  assert.equal(await attemptsOf(["breaker", "budget"]), 300);
});

Deno.test("upstream bounds hedges by the same budget", async () => {
  const hedgesOf = async (layersOff: UpstreamOptions["layersOff"] & object) => {
    const { upstream, clock } = createTestUpstream({ a: hung, b: hung }, { layersOff });
    const all = Array.from(
      { length: 10 },
      () =>
        upstream.send({ method: "GET", path: "/", deadlineAtMs: clock.now() + 1_000 })
          .catch(() => {}),
    );
    await clock.advance(600);
    const { hedges } = upstream.snapshot();
    await clock.advance(1_000);
    await Promise.all(all);
    return hedges;
  };
  assert.equal(await hedgesOf(["coalesce", "breaker"]), 3);
  assert.equal(await hedgesOf(["coalesce", "breaker", "budget"]), 10);
});
