import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../testing/fake_clock.ts";
import { seeded } from "../testing/seeded.ts";
import { createUpstream, type UpstreamOptions } from "./upstream.ts";
import { RequestBody } from "./upstream/request_body.ts";

type Behaviour = (request: Request) => Response | Promise<Response>;

const fine: Behaviour = () => Response.json({ ok: true });
const broken: Behaviour = () => new Response("broken", { status: 500 });
const refused: Behaviour = () => Promise.reject(new TypeError("connection refused"));
const hung: Behaviour = () => new Promise(() => {});

/** An upstream whose replicas behave as told; `random` is fixed so that a test repeats itself. */
function setUp(replicas: Record<string, Behaviour>, options: Partial<UpstreamOptions> = {}) {
  const clock = new FakeClock();
  const seen: { origin: string; method: string; headers: Headers }[] = [];
  let list = Object.keys(replicas).map((name) => `http://${name}`);
  const upstream = createUpstream({
    name: "users",
    endpoints: { current: () => list, [Symbol.dispose]() {} },
    clock,
    random: seeded(7),
    fetch: ((input: string, init: RequestInit) => {
      const request = new Request(input, init);
      const { origin, hostname } = new URL(input);
      seen.push({ origin, method: request.method, headers: request.headers });
      const aborted = new Promise<never>((_, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true });
      });
      const behaviour = replicas[hostname] ?? refused;
      return Promise.race([(async () => await behaviour(request))(), aborted]);
    }) as typeof fetch,
    ...options,
  });
  /** Sends a request and lets time pass until it is answered; a problem's type or a status. */
  async function ask(method = "GET", body?: string): Promise<string | number> {
    let result: string | number | undefined;
    const stream = body === undefined
      ? undefined
      : ReadableStream.from([new TextEncoder().encode(body)]);
    upstream.send({
      method,
      path: "/users",
      deadlineAtMs: clock.now() + 2_000,
      ...(stream ? { body: new RequestBody(stream, 1_000) } : {}),
    }).then((answer) => result = answer.status, (error) => result = error.type ?? String(error));
    await clock.advance(0);
    // deno-lint-ignore no-await-in-loop -- time passes step by step
    while (result === undefined) await clock.advance(5);
    return result;
  }
  return {
    upstream,
    clock,
    seen,
    ask,
    to: (name: string) => seen.filter(({ origin }) => origin === `http://${name}`).length,
    setList: (...names: string[]) => list = names.map((name) => `http://${name}`),
    setBehaviour: (name: string, behaviour: Behaviour) => replicas[name] = behaviour,
  };
}

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  // deno-lint-ignore no-await-in-loop -- one after the other
  for (let i = 0; i < count; i++) results.push(await work());
  return results;
}

Deno.test("upstream tells the service what is left of the deadline", async () => {
  const { upstream, clock, seen } = setUp({ a: fine });
  await clock.advance(100);
  await upstream.send({ method: "GET", path: "/users", deadlineAtMs: 1_234.5 });
  assert.equal(seen[0]?.headers.get("x-deadline-ms"), "1134");
  assert.equal(seen[0]?.headers.get("accept-encoding"), "identity");
});

Deno.test("upstream retries a GET that failed, on another replica, after a random pause", async () => {
  for (const behaviour of [broken, refused]) {
    const { ask, to, upstream } = setUp({ a: behaviour, b: fine });
    // deno-lint-ignore no-await-in-loop -- one case after the other
    assert.deepEqual(new Set(await times(20, ask)), new Set([200]));
    assert.ok(to("a") > 0, "the broken one was asked");
    assert.equal(upstream.snapshot().retries, to("a"));
  }
});

Deno.test("upstream cancels what is late, once it knows that the replica can be late", async () => {
  const signals: (AbortSignal | null | undefined)[] = [];
  let cancelled = 0;
  const answers: ((answer: Response) => void)[] = [];
  const { upstream, clock } = setUp({ a: fine }, {
    layersOff: ["retry"],
    fetch: ((_url: string, init: RequestInit) => {
      signals.push(init.signal);
      return new Promise<Response>((resolve, reject) => {
        answers.push(resolve);
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      });
    }) as typeof fetch,
  });
  const body = () => new ReadableStream({ cancel: () => void cancelled++ });
  async function late(streamed: boolean, method = "GET") {
    const answer = upstream.send({ method, path: "/", deadlineAtMs: clock.now() + 100, streamed });
    const rejected = assert.rejects(answer, { type: "gateway-timeout" });
    await clock.advance(120);
    await rejected;
  }
  await late(true); // left behind
  await late(true); // cancelled
  assert.deepEqual(signals.map((signal) => signal?.aborted), [undefined, true]);
  answers[0]?.(new Response(body()));
  await clock.advance(0);
  assert.equal(cancelled, 1, "its answer is let go of when it comes after all");

  const good = upstream.send({ method: "GET", path: "/", deadlineAtMs: 1e6, streamed: true });
  answers.at(-1)?.(new Response());
  await good;
  for (const [streamed, method] of [[true, "GET"], [false, "GET"], [true, "POST"]] as const) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await late(streamed, method);
    const again = upstream.send({ method: "GET", path: "/", deadlineAtMs: 1e6, streamed: true });
    answers.at(-1)?.(new Response());
    // deno-lint-ignore no-await-in-loop -- one after the other
    await again;
  }
  assert.deepEqual(signals.map((signal) => signal?.aborted), [
    ...[undefined, true, false],
    ...[undefined, false, true, false, true, false],
  ]);
});

Deno.test("upstream hands each further attempt what is left of the one deadline", async () => {
  const { ask, seen, clock } = setUp({ a: refused }, { layersOff: ["breaker"], random: () => 0.5 });
  const start = clock.now();
  assert.equal(await ask(), "bad-gateway");
  const left = seen.map(({ headers }) => Number(headers.get("x-deadline-ms")));
  assert.deepEqual(left, [2_000, 1_987, 1_962], "pauses of 12.5 and 25 ms");
  assert.ok(clock.now() - start < 50);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  for (const [name, behaviour] of Object.entries({ broken, refused, hung })) {
    Deno.test(`upstream sends ${method} once to a service that is ${name}`, async () => {
      const { ask, seen } = setUp({ a: behaviour, b: behaviour });
      assert.notEqual(await ask(method, "{}"), 200);
      assert.equal(seen.length, 1);
    });
  }
}

Deno.test("upstream does not retry what a service refuses with Retry-After, nor counts it as failing", async () => {
  const busy = () => new Response(null, { status: 503, headers: { "retry-after": "1" } });
  const { ask, seen, upstream } = setUp({ a: busy });
  assert.deepEqual(new Set(await times(100, ask)), new Set([503]));
  assert.equal(seen.length, 100);
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});

Deno.test("upstream takes an answer whose status HTTP does not know for none", async () => {
  const { ask, upstream } = setUp({ a: () => ({ status: 999, body: null }) as Response }, {
    layersOff: ["retry"],
  });
  assert.equal(await ask(), "bad-gateway");
  await times(19, ask);
  assert.equal(upstream.snapshot().breaker.kind, "open");
});

Deno.test("upstream passes the last answer of a failing service on", async () => {
  const { upstream, clock } = setUp({ a: broken });
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
      const next: Behaviour = (request) =>
        (behaviours[call++ % behaviours.length] ?? fine)(request);
      const replicas = Object.fromEntries(["a", "b", "c"].slice(0, size).map((n) => [n, next]));
      const { ask, seen } = setUp(replicas, { layersOff: ["breaker"] });
      for (let request = 1; request <= 40; request++) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        await ask();
        assert.ok(seen.length <= 1.2 * request + 3 + 1e-9, `${seen.length} for ${request}`);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("upstream opens its breaker after 20 failed calls, then answers without a call", async () => {
  for (const behaviour of [broken, refused]) {
    const { ask, seen, upstream, clock } = setUp({ a: behaviour }, { layersOff: ["retry"] });
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
  const { ask, upstream, clock } = setUp({ a: refused }, { layersOff: ["retry"], random: () => 0 });
  await times(20, ask);
  await clock.advance(1_000);
  const refusal = upstream.send({ method: "GET", path: "/", deadlineAtMs: 9_000 });
  await assert.rejects(refusal, { type: "unavailable", headers: { "retry-after": "4" } });
});

Deno.test("upstream closes its breaker by itself when the service is back", async () => {
  const { ask, setBehaviour, upstream, clock } = setUp({ a: hung }, { layersOff: ["retry"] });
  await Promise.all(Array.from({ length: 20 }, () => ask("POST", "{}")));
  assert.equal(upstream.snapshot().breaker.kind, "open");
  setBehaviour("a", fine);
  assert.equal(await ask(), "unavailable");
  await clock.advance(5_000);
  assert.deepEqual(await times(3, ask), [200, 200, 200]);
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});

Deno.test("upstream asks a service that was silent for long again as soon as it answers its readiness", async () => {
  const { ask, setBehaviour, upstream, clock } = setUp({ a: hung }, { layersOff: ["retry"] });
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
  const failing: Behaviour = (request) =>
    new URL(request.url).pathname === "/readyz" ? fine(request) : broken(request);
  const { ask, seen, upstream, clock } = setUp({ a: failing }, { layersOff: ["retry"] });
  await times(20, ask);
  for (let passedMs = 0; passedMs < 60_000; passedMs += 500) {
    // deno-lint-ignore no-await-in-loop -- clients keep coming
    await Promise.all([ask(), clock.advance(500)]);
  }
  const state = upstream.snapshot().breaker;
  assert.ok(state.kind === "open" && state.openings === 4, "opened after 0, 5, 15 and 35 s");
  assert.equal(seen.length, 20 + 3 + 3, "one call and one look at its readiness after each pause");
});

Deno.test("upstream takes an answer that breaks off for a failure, where it is read whole", async () => {
  const cut: Behaviour = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(1));
          controller.error(new TypeError("connection reset"));
        },
      }),
    );
  const { ask, upstream, to } = setUp({ a: cut, b: fine });
  assert.deepEqual(new Set(await times(20, ask)), new Set([200]));
  assert.ok(to("a") > 0 && upstream.snapshot().retries === to("a"), "asked elsewhere instead");

  const { upstream: alone } = setUp({ a: cut }, { layersOff: ["retry"] });
  const send = (streamed: boolean) =>
    alone.send({ method: "GET", path: "/", deadlineAtMs: 1_000, streamed });
  await assert.rejects(send(false), { type: "bad-gateway" });
  const passedOn = await send(true);
  await assert.rejects(passedOn.text(), { message: "connection reset" });
});

Deno.test("upstream does not blame the service for a client who sends too slowly, or too much", async () => {
  const { upstream, clock } = setUp({
    a: async (request) => (await request.text(), fine(request)),
  });
  for (let i = 0; i < 30; i++) {
    const slow = new RequestBody(new ReadableStream(), 1_000);
    const pending = upstream.send({
      method: "POST",
      path: "/users",
      body: slow,
      deadlineAtMs: clock.now() + 100,
    });
    const large = new RequestBody(ReadableStream.from([new Uint8Array(1_001)]), 1_000);
    const tooLarge = upstream.send({
      method: "POST",
      path: "/users",
      body: large,
      deadlineAtMs: clock.now() + 100,
    });
    const ends = Promise.allSettled([pending, tooLarge]);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await clock.advance(200);
    // deno-lint-ignore no-await-in-loop -- one after the other
    const types = (await ends).map((end) => end.status === "rejected" && end.reason.type);
    assert.deepEqual(types, ["bad-request", "payload-too-large"]);
  }
  assert.equal(upstream.snapshot().breaker.kind, "closed");
});

Deno.test("upstream ejects the replica that fails, so that others serve even what is not retried", async () => {
  const { ask, to, upstream } = setUp({ a: broken, b: fine });
  await times(100, () => ask("POST", "{}"));
  assert.equal(to("a"), 5);
  assert.equal(
    upstream.snapshot().endpoints.find(({ origin }) => origin === "http://a")?.ejected,
    true,
  );
  assert.equal(upstream.snapshot().breaker.kind, "closed");
  assert.deepEqual(new Set(await times(100, () => ask("POST", "{}"))), new Set([200]));
});

Deno.test("upstream hedges a GET on a replica that hangs, and ejects that one", async () => {
  const { ask, to, upstream, clock } = setUp({ a: hung, b: fine }, { hedgeAfterMs: 250 });
  for (let i = 0; i < 30; i++) {
    const start = clock.now();
    // deno-lint-ignore no-await-in-loop -- one after the other
    assert.equal(await ask(), 200);
    assert.ok(clock.now() - start < 300, `${clock.now() - start} ms`);
  }
  assert.ok(to("a") <= 5, `${to("a")} requests went to the hung replica`);
  assert.equal(upstream.snapshot().hedges, to("a"));
});

Deno.test("upstream leaves a replica alone that others overtake, and ejects it when its requests time out", async () => {
  const { ask, to, upstream, clock, setBehaviour } = setUp({ a: fine, b: fine }, {
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
      const { ask, to, setBehaviour } = setUp({ a: fine, b: fine }, { random: seeded(seed) });
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

Deno.test("upstream does not hedge on a replica that is ejected", async () => {
  const { ask, to, setBehaviour, upstream } = setUp({ a: broken, b: fine });
  await times(100, ask);
  assert.equal(to("a"), 5);
  setBehaviour("b", hung);
  assert.equal(await ask(), "gateway-timeout");
  assert.equal(upstream.snapshot().hedges, 0);
  assert.equal(to("a"), 5);
});

Deno.test("upstream does not retry when the pause would outlast the deadline", async () => {
  const { upstream, clock, seen } = setUp({ a: refused }, { random: () => 0.9 });
  const answer = upstream.send({ method: "GET", path: "/", deadlineAtMs: clock.now() + 20 });
  await assert.rejects(answer, { type: "bad-gateway" });
  assert.equal(seen.length, 1);
});

Deno.test("upstream waits for the first attempt when the hedge fails", async () => {
  const slow: Behaviour = async (request) => {
    await clock.sleep(600);
    return fine(request);
  };
  let calls = 0;
  const slowThenBroken: Behaviour = (request) => calls++ === 0 ? slow(request) : broken(request);
  const { ask, clock, seen } = setUp({ a: slowThenBroken, b: slowThenBroken });
  assert.equal(await ask(), 200);
  assert.equal(seen.length, 2);
  assert.ok(clock.now() >= 600);
});

Deno.test("upstream does not hedge what can change something, nor with one replica", async () => {
  const slow: Behaviour = async (request) => {
    await clock.sleep(1_000);
    return fine(request);
  };
  const { ask, seen, clock, setList } = setUp({ a: slow, b: slow });
  assert.equal(await ask("POST", "{}"), 200);
  assert.equal(seen.length, 1);
  setList("a");
  assert.equal(await ask(), 200);
  assert.equal(seen.length, 2);
});

Deno.test("upstream refuses more than it may have in flight, and takes more when some are done", async () => {
  const gate = Promise.withResolvers<void>();
  const { upstream, clock } = setUp({
    a: async (request) => {
      await gate.promise;
      return fine(request);
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
  const { upstream, seen } = setUp({
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
  const { ask, setList, to } = setUp({ a: fine, b: fine });
  setList("a");
  await times(5, ask);
  setList("b");
  await times(5, ask);
  assert.deepEqual([to("a"), to("b")], [5, 5]);
  setList();
  assert.equal(await ask(), "bad-gateway");
});

Deno.test("upstream leaves layers out when told to", async () => {
  const without = setUp({ a: refused }, { layersOff: ["breaker", "retry"] });
  await times(50, without.ask);
  assert.equal(without.seen.length, 50);
  assert.equal(without.upstream.snapshot().breaker.kind, "closed");

  const endless = setUp({ a: hung }, { layersOff: ["deadline"] });
  let answered = false;
  endless.upstream.send({ method: "GET", path: "/", deadlineAtMs: 100 }).finally(() =>
    answered = true
  );
  await endless.clock.advance(10_000);
  assert.equal(answered, false);
  assert.equal(endless.seen[0]?.headers.has("x-deadline-ms"), false);

  const both = setUp({ a: broken, b: fine }, { layersOff: ["ejection", "retry"] });
  await times(30, () => both.ask("POST", "{}"));
  assert.ok(both.to("a") > 8);
});

Deno.test("upstream bounds retries by a budget unless that layer is left out", async () => {
  const attemptsOf = async (layersOff: UpstreamOptions["layersOff"] & object) => {
    const { ask, seen } = setUp({ a: broken }, { layersOff });
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
    const { upstream, clock } = setUp({ a: hung, b: hung }, { layersOff });
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
