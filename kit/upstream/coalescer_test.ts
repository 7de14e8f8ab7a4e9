import assert from "node:assert/strict";
import { FakeClock } from "../../testing/fake_clock.ts";
import { Coalescer } from "./coalescer.ts";
import { SharedTimers } from "./shared_timers.ts";
import type { HeaderFields } from "./headers.ts";

type Ask = { path?: string; headers?: HeaderFields; credentials?: string; method?: string };

/** A coalescer before a service that answers when told to. */
function setUp(...answers: Response[]) {
  const coalescer = new Coalescer();
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  function ask({ method = "GET", path = "/users", ...rest }: Ask = {}): Promise<Response> {
    return coalescer.run({ method, path, deadlineAtMs: 0, ...rest }, async () => {
      const answer = answers[calls++] ?? json();
      await gate.promise;
      return answer;
    });
  }
  return { coalescer, ask, open: () => gate.resolve(), fail: gate.reject, calls: () => calls };
}

function json(headers: Record<string, string> = {}, value: unknown = { ok: true }): Response {
  const body = JSON.stringify(value);
  const length = String(new TextEncoder().encode(body).byteLength);
  return new Response(body, { headers: { "content-length": length, ...headers } });
}

Deno.test("Coalescer answers 32 clients with one call, each with a body of his own", async () => {
  const { ask, open, calls, coalescer } = setUp(json({ etag: `"1"` }));
  const pending = Array.from({ length: 32 }, () => ask());
  open();
  const answers = await Promise.all(pending);
  assert.equal(calls(), 1);
  assert.equal(coalescer.joined, 31);
  for (const answer of answers) {
    assert.equal(answer.headers.get("etag"), `"1"`);
    // deno-lint-ignore no-await-in-loop -- reading a body that is here
    assert.deepEqual(await answer.json(), { ok: true });
  }
});

Deno.test("Coalescer hands the answer through untouched when nobody else waits", async () => {
  const own = json();
  const { ask, open } = setUp(own);
  const pending = ask();
  open();
  assert.equal(await pending, own);
});

Deno.test("Coalescer never shares between credentials", async () => {
  const { ask, open, calls } = setUp();
  const pending = Array.from({ length: 32 }, (_, i) => ask({ credentials: `Bearer ${i}` }));
  pending.push(ask(), ask({ credentials: "" }));
  open();
  await Promise.all(pending);
  assert.equal(calls(), 33);
});

Deno.test("Coalescer does not let a path be taken for credentials", async () => {
  const { ask, open, calls } = setUp();
  const pending = [ask({ path: "/a", credentials: "b" }), ask({ path: "/ab", credentials: "" })];
  open();
  await Promise.all(pending);
  assert.equal(calls(), 2);
});

Deno.test("Coalescer keeps nothing once the answer is there", async () => {
  const { ask, open, calls } = setUp();
  open();
  await ask();
  await ask();
  assert.equal(calls(), 2);
});

for (
  const [why, answer] of [
    ["no-store", json({ "cache-control": "no-store" })],
    ["private", json({ "cache-control": "max-age=1, Private" })],
    ["a cookie", json({ "set-cookie": "a=1" })],
    ["Vary: *", json({ vary: "accept, *" })],
    ["no length", new Response("streamed")],
    ["a body of 2 MiB", json({ "content-length": "2097152" })],
  ] as const
) {
  Deno.test(`Coalescer does not share an answer with ${why}: the others ask for themselves`, async () => {
    const { ask, open, calls } = setUp(answer);
    const pending = [ask(), ask(), ask()];
    open();
    const answers = await Promise.all(pending);
    assert.equal(calls(), 3);
    assert.equal(answers[0], answer);
  });
}

Deno.test("Coalescer respects Vary: only who sent the same fields shares", async () => {
  const { ask, open, calls } = setUp(json({ vary: "Accept-Language" }));
  const pending = [
    ask({ headers: { "accept-language": "de" } }),
    ask({ headers: { "accept-language": "de", "user-agent": "x" } }),
    ask({ headers: { "accept-language": "en" } }),
    ask(),
  ];
  open();
  await Promise.all(pending);
  assert.equal(calls(), 3);
});

for (
  const [name, value] of [
    ["range", "bytes=0-1"],
    ["if-none-match", `"1"`],
    ["if-modified-since", "x"],
    ["cache-control", "no-cache"],
    ["cache-control", "max-age=0"],
    ["pragma", "no-cache"],
  ] as const
) {
  Deno.test(`Coalescer leaves a request with ${name}: ${value} alone`, async () => {
    const { ask, open, calls } = setUp();
    const pending = [
      ask(),
      ask({ headers: { [name]: value } }),
      ask({ headers: { [name]: value } }),
    ];
    open();
    await Promise.all(pending);
    assert.equal(calls(), 3);
  });
}

Deno.test("Coalescer leaves everything but GET alone", async () => {
  const { ask, open, calls } = setUp();
  const pending = [ask({ method: "POST" }), ask({ method: "POST" }), ask({ method: "HEAD" })];
  open();
  await Promise.all(pending);
  assert.equal(calls(), 3);
});

Deno.test("Coalescer fails all who wait for a call that fails, and asks again after that", async () => {
  const { ask, fail, calls } = setUp();
  const pending = [ask(), ask()];
  fail(new Error("refused"));
  for (const answer of pending) {
    // deno-lint-ignore no-await-in-loop -- both are settled
    await assert.rejects(answer, { message: "refused" });
  }
  await assert.rejects(ask());
  assert.equal(calls(), 2);
});

Deno.test("Coalescer fails those who wait when the shared body breaks off", async () => {
  const broken = new Response(
    new ReadableStream({ start: (controller) => controller.error(new Error("reset")) }),
    { headers: { "content-length": "5" } },
  );
  const { ask, open } = setUp(broken);
  const pending = [ask(), ask()];
  open();
  const ends = await Promise.allSettled(pending);
  assert.deepEqual(ends.map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("Coalescer waits for the end of a shared body no longer than for its beginning", async () => {
  const clock = new FakeClock();
  const coalescer = new Coalescer({ timers: new SharedTimers(clock) });
  const stalls = new Response(new ReadableStream(), { headers: { "content-length": "5" } });
  const request = { method: "GET", path: "/users", deadlineAtMs: 1_000 };
  const pending = [1, 2].map(() => coalescer.run(request, () => Promise.resolve(stalls)));
  const ends = Promise.allSettled(pending);
  await clock.advance(1_020);
  for (const end of await ends) {
    assert.ok(end.status === "rejected");
    assert.equal(end.reason.type, "gateway-timeout");
  }
});

Deno.test("Coalescer lets nobody wait beyond his own deadline, whoever leads", async () => {
  const clock = new FakeClock();
  const coalescer = new Coalescer({ timers: new SharedTimers(clock) });
  const answer = Promise.withResolvers<Response>();
  const ask = (deadlineAtMs: number) =>
    coalescer.run({ method: "GET", path: "/users", deadlineAtMs }, () => answer.promise);
  const [patient, hasty] = [ask(2_000), ask(1_000)];
  const gaveUp = assert.rejects(hasty, { type: "gateway-timeout" });
  await clock.advance(1_020);
  await gaveUp;
  answer.resolve(json());
  assert.equal((await patient).status, 200);
});

Deno.test("Coalescer lets nobody who asks after a write share what was asked before", async () => {
  const coalescer = new Coalescer();
  const before = Promise.withResolvers<Response>();
  const ask = (method: string, answer: Promise<Response>) =>
    coalescer.run({ method, path: "/users", deadlineAtMs: 0 }, () => answer);
  const old = [ask("GET", before.promise), ask("GET", before.promise)];
  const during = Promise.withResolvers<Response>();
  const write = ask("POST", during.promise);
  old.push(ask("GET", before.promise)); // may be answered either way
  during.resolve(json());
  await write;
  const after = ask("GET", Promise.resolve(json({}, "new")));
  assert.equal(await (await after).json(), "new");
  before.resolve(json({}, "old"));
  assert.deepEqual(await Promise.all(old.map(async (answer) => (await answer).json())), [
    "old",
    "old",
    "old",
  ]);
  assert.equal(coalescer.joined, 2);
});

Deno.test("Coalescer forgets what was asked before a write that failed, too", async () => {
  const { ask, open, calls, coalescer } = setUp();
  const pending = [ask()];
  const write = coalescer.run(
    { method: "POST", path: "/", deadlineAtMs: 0 },
    () => Promise.reject(new Error("reset")),
  );
  await assert.rejects(write, { message: "reset" });
  pending.push(ask(), ask());
  open();
  await Promise.all(pending);
  assert.equal(calls(), 2);
});

Deno.test("Coalescer shares what has no bytes(), as answers on Node", async () => {
  const { ask, open, calls } = setUp(Object.assign(json(), { bytes: undefined }));
  const pending = [ask(), ask()];
  open();
  for (const answer of await Promise.all(pending)) {
    // deno-lint-ignore no-await-in-loop -- reading a body that is here
    assert.deepEqual(await answer.json(), { ok: true });
  }
  assert.equal(calls(), 1);
});

Deno.test("Coalescer shares an answer without a body", async () => {
  const { ask, open, calls } = setUp(
    new Response(null, { status: 204, headers: { "content-length": "0" } }),
  );
  const pending = [ask(), ask()];
  open();
  assert.deepEqual((await Promise.all(pending)).map(({ status }) => status), [204, 204]);
  assert.equal(calls(), 1);
});
