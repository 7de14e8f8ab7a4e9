// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import type { ChangeListener } from "./change_feed.ts";
import { cacheAnswers } from "./response_cache.ts";
import type { Upstream, UpstreamSnapshot } from "./upstream.ts";
import type { HeaderFields } from "./upstream/headers.ts";
import type { UpstreamRequest } from "./upstream/request.ts";

interface Asked {
  path?: string;
  method?: string;
  headers?: HeaderFields;
  credentials?: string;
}

/** Answers `version N of PATH`, N counting up; `respond` may say something else. */
function setUp(respond?: (request: UpstreamRequest, body: string) => Response | Promise<Response>) {
  const clock = new FakeClock();
  const listeners: ChangeListener[] = [];
  const feed = {
    connected: true,
    onChange: (listener: ChangeListener) => void listeners.push(listener),
  };
  const requests: UpstreamRequest[] = [];
  const upstream: Upstream = {
    name: "orders",
    send(request) {
      requests.push(request);
      const body = `version ${requests.length} of ${request.path}`;
      return Promise.resolve(respond?.(request, body) ?? answer(body));
    },
    snapshot: () => ({}) as UpstreamSnapshot,
  };
  const cached = cacheAnswers(upstream, { ttlMs: 1_000, feed, clock, maxBytes: 5_000 });
  async function get(asked: Asked = {}): Promise<string> {
    const response = await cached.send({
      path: "/orders",
      method: "GET",
      deadlineAtMs: 0,
      ...asked,
    });
    const text = await response.text();
    await clock.advance(0); // lets the copy be kept
    return text;
  }
  const tell = (kind?: string) => listeners.forEach((listener) => listener(kind));
  return { cached, clock, feed, get, tell, requests };
}

function answer(body: string, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(body, {
    status,
    headers: { "content-length": String(body.length), ...headers },
  });
}

Deno.test("cacheAnswers() answers from memory until the time is over", async () => {
  const { cached, clock, get, requests } = setUp();
  assert.equal(await get(), "version 1 of /orders");
  assert.equal(await get(), "version 1 of /orders");
  assert.equal(await get({ path: "/orders?limit=1" }), "version 2 of /orders?limit=1");
  await clock.advance(999);
  assert.equal(await get(), "version 1 of /orders");
  await clock.advance(1);
  assert.equal(await get(), "version 3 of /orders");
  assert.equal(requests.length, 3);
  const { cache } = cached.snapshot();
  assert.deepEqual([cache.hits, cache.misses], [2, 3]);
});

Deno.test("cacheAnswers() says that an answer is a copy, and how old", async () => {
  const { cached, clock, get } = setUp();
  await get();
  await clock.advance(900);
  const request = { method: "GET", path: "/orders", deadlineAtMs: 0 };
  const { headers } = await cached.send(request);
  assert.deepEqual([headers.get("age"), headers.get("cache-status")], ["0", "gateway; hit"]);
  assert.equal(headers.get("content-length"), "20");
});

Deno.test("cacheAnswers() drops everything of a service that was written to", async () => {
  const { get, tell } = setUp();
  await get();
  await get({ path: "/orders/1" });
  tell("users");
  assert.equal(await get(), "version 1 of /orders");
  tell("orders");
  assert.equal(await get(), "version 3 of /orders");
  assert.equal(await get({ path: "/orders/1" }), "version 4 of /orders/1");
});

Deno.test("cacheAnswers() keeps nothing that was asked before a write", async () => {
  const answers: PromiseWithResolvers<Response>[] = [];
  const { cached, clock, get, tell, requests } = setUp(() => {
    const pending = Promise.withResolvers<Response>();
    answers.push(pending);
    return pending.promise;
  });
  const request = { method: "GET", path: "/orders", deadlineAtMs: 0 };
  const before = cached.send(request);
  await clock.advance(0);
  tell("orders");
  const after = cached.send(request);
  await clock.advance(0);
  assert.notEqual(requests[0]?.credentials, requests[1]?.credentials, "they must not be joined");
  answers[1]?.resolve(answer("new"));
  assert.equal(await (await after).text(), "new");
  await clock.advance(0);
  answers[0]?.resolve(answer("old"));
  assert.equal(await (await before).text(), "old");
  await clock.advance(0);
  assert.equal(await get(), "new");
});

Deno.test("cacheAnswers() answers nothing from memory while it cannot hear of writes", async () => {
  const { feed, get, tell } = setUp();
  await get();
  feed.connected = false;
  tell(undefined);
  assert.equal(await get(), "version 2 of /orders");
  assert.equal(await get(), "version 3 of /orders");
  feed.connected = true;
  assert.equal(await get(), "version 4 of /orders");
  assert.equal(await get(), "version 4 of /orders");
});

Deno.test("cacheAnswers() keeps nothing that was asked while it could not hear of writes", async () => {
  const answers: PromiseWithResolvers<Response>[] = [];
  const { cached, clock, feed, requests } = setUp(() => {
    const pending = Promise.withResolvers<Response>();
    answers.push(pending);
    return pending.promise;
  });
  const request = { method: "GET", path: "/orders", deadlineAtMs: 0 };
  feed.connected = false;
  const asked = cached.send(request);
  await clock.advance(0);
  feed.connected = true; // and a write in between went unheard
  answers[0]?.resolve(answer("old"));
  await (await asked).text();
  await clock.advance(0);
  void cached.send(request);
  assert.equal(requests.length, 2);
});

Deno.test("cacheAnswers() counts an answer that replaces another once", async () => {
  const { cached, clock, get } = setUp();
  await get();
  const { bytes } = cached.snapshot().cache;
  await clock.advance(1_000);
  await get();
  assert.deepEqual(cached.snapshot().cache, { entries: 1, bytes, hits: 0, misses: 2 });
});

Deno.test("cacheAnswers() leaves alone what is nobody else's business", async () => {
  const cases: [string, Asked][] = [
    ["other method", { method: "POST" }],
    ["HEAD", { method: "HEAD" }],
    ["credentials", { credentials: "Bearer x\n" }],
    ["cookie", { credentials: "\nsession=x" }],
    ["no-cache", { headers: { "cache-control": "no-cache" } }],
    ["no-store", { headers: { "cache-control": "no-store" } }],
    ["range", { headers: { "range": "bytes=0-1" } }],
    ["condition", { headers: { "if-none-match": '"x"' } }],
  ];
  for (const [what, asked] of cases) {
    const { get, requests } = setUp();
    await get();
    await get(asked);
    await get(asked);
    assert.equal(requests.length, 3, `${what}: not answered from memory`);
    assert.equal(requests[1]?.credentials, asked.credentials, `${what}: passed on as it is`);
    assert.equal(await get(), "version 1 of /orders", `${what}: not kept`);
  }
});

Deno.test("cacheAnswers() keeps only what the service allows", async () => {
  const body = "x".repeat(20);
  const cases: [string, () => Response][] = [
    ["404", () => answer(body, {}, 404)],
    ["500", () => answer(body, {}, 500)],
    ["no-store", () => answer(body, { "cache-control": "no-store" })],
    ["private", () => answer(body, { "cache-control": "private, max-age=60" })],
    ["no-cache", () => answer(body, { "cache-control": "no-cache" })],
    ["max-age=0", () => answer(body, { "cache-control": "max-age=0" })],
    ["s-maxage wins", () => answer(body, { "cache-control": "max-age=60, s-maxage=0" })],
    ["cookie", () => answer(body, { "set-cookie": "a=b" })],
    ["varies by all", () => answer(body, { vary: "*" })],
    ["length not known", () => new Response(body)],
    ["too long", () => answer(body, { "content-length": "65537" })],
  ];
  for (const [what, respond] of cases) {
    const { get, requests } = setUp(respond);
    await get();
    await get();
    assert.equal(requests.length, 2, what);
  }
});

Deno.test("cacheAnswers() lets max-age shorten the time, not lengthen it", async () => {
  for (const [maxAge, kept] of [["0.5", 0], ["1", 1_000], ["60", 1_000]] as const) {
    const { clock, get, requests } = setUp((_, body) =>
      answer(body, { "cache-control": `public, max-age=${maxAge}` })
    );
    await get();
    await clock.advance(kept - 1);
    await get();
    assert.equal(requests.length, kept === 0 ? 2 : 1, maxAge);
    await clock.advance(2);
    await get();
    assert.equal(requests.length, kept === 0 ? 3 : 2, maxAge);
  }
});

Deno.test("cacheAnswers() tells answers apart by what they vary by", async () => {
  const { get } = setUp((_, body) => answer(body, { vary: "Accept-Language" }));
  const inGerman: Asked = { headers: { "accept-language": "de" } };
  assert.equal(await get(inGerman), "version 1 of /orders");
  assert.equal(await get(inGerman), "version 1 of /orders");
  assert.equal(await get({ headers: { "accept-language": "en" } }), "version 2 of /orders");
  assert.equal(await get(), "version 3 of /orders");
});

Deno.test("cacheAnswers() drops the oldest answers when there are too many bytes", async () => {
  const { cached, get } = setUp((_, body) => answer(body.padEnd(100, ".")));
  for (const path of ["/1", "/2", "/3"]) await get({ path });
  const bytes = 2 * (2_048 + 2 + 100);
  assert.deepEqual(cached.snapshot().cache, { entries: 2, bytes, hits: 0, misses: 3 });
  assert.match(await get({ path: "/2" }), /version 2/);
  assert.match(await get({ path: "/1" }), /version 4/);
});

Deno.test("cacheAnswers() keeps nothing of an answer that breaks off", async () => {
  let broken = true;
  const { get } = setUp((_, body) => {
    if (!broken) return answer(body);
    const stream = new ReadableStream({ pull: (controller) => controller.error(new Error("cut")) });
    return new Response(stream, { headers: { "content-length": "20" } });
  });
  await assert.rejects(get(), /cut/);
  broken = false;
  assert.equal(await get(), "version 2 of /orders");
});

Deno.test("cacheAnswers() refuses a time that is not positive", () => {
  const { cached, feed } = setUp();
  for (const ttlMs of [0, -1, NaN, Infinity]) {
    assert.throws(() => cacheAnswers(cached, { ttlMs, feed }), RangeError);
  }
});
