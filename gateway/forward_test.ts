import assert from "node:assert/strict";
import { createTestGateway } from "../testing/gateway.ts";

const json = { "content-type": "application/json" };

/** A gateway before a service that keeps what it was sent. */
function setUp(answer: () => Response = () => Response.json({ ok: true })) {
  const seen: Request[] = [];
  const gateway = createTestGateway((request) => {
    seen.push(request);
    return answer();
  });
  return { ...gateway, seen };
}

Deno.test("gateway rebuilds what tells the service where a request came from, and keeps secrets", async () => {
  const { app, seen } = setUp();
  const headers = {
    accept: "application/json",
    "accept-encoding": "gzip",
    authorization: "Bearer secret",
    cookie: "session=secret",
    connection: "keep-alive, x-hop",
    "x-hop": "1",
    "x-kept": "2",
    te: "trailers",
    forwarded: "for=6.6.6.6",
    "x-forwarded-for": "6.6.6.6, 203.0.113.7",
    "x-forwarded-host": "shop.example",
    "x-forwarded-proto": "https",
    "x-forwarded-port": "1",
    "x-real-ip": "6.6.6.6",
    "x-deadline-ms": "999999",
    "x-request-start": "t=1",
    "x-request-id": "request-from-client",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=b",
  };
  const answer = await app.request("/api/users", { headers }, { remoteAddress: "127.0.0.1" });
  assert.deepEqual(Object.fromEntries(seen[0]?.headers ?? []), {
    accept: "application/json",
    "accept-encoding": "identity",
    "x-kept": "2",
    "x-deadline-ms": "2000",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "x-request-id": "request-from-client",
    traceparent: headers.traceparent,
    tracestate: "a=b",
  });
  assert.equal(answer.headers.get("x-request-id"), "request-from-client");
});

Deno.test("gateway drops a trace context that is not valid, with its state", async () => {
  const { app, seen } = setUp();
  await app.request("/api/users", { headers: { traceparent: "00-rubbish", tracestate: "a=b" } });
  assert.equal(seen[0]?.headers.has("traceparent"), false);
  assert.equal(seen[0]?.headers.has("tracestate"), false);
});

Deno.test("gateway passes status, fields and several cookies of an answer, not what is hop-by-hop", async () => {
  const { app } = setUp(() => {
    const headers = new Headers({
      connection: "x-hop",
      "x-hop": "1",
      "keep-alive": "timeout=5",
      "proxy-authenticate": "Basic",
      "x-instance-id": "orders-1",
      "x-request-id": "of-the-service",
      location: "/orders/ord_1",
      etag: `"1"`,
    });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    return new Response("{}", { status: 201, headers });
  });
  const answer = await app.request("/api/orders", { method: "POST", body: "{}", headers: json });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get("location"), "/api/orders/ord_1");
  assert.equal(answer.headers.get("etag"), `"1"`);
  assert.deepEqual(answer.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(answer.headers.get("x-instance-id"), "gateway-test");
  assert.notEqual(answer.headers.get("x-request-id"), "of-the-service");
  for (const name of ["connection", "x-hop", "keep-alive", "proxy-authenticate"]) {
    assert.equal(answer.headers.has(name), false, name);
  }
});

Deno.test("gateway passes a redirect on instead of following it", async () => {
  const { app } = setUp(() =>
    new Response(null, { status: 302, headers: { location: "https://elsewhere.example/users" } })
  );
  const answer = await app.request("/api/users");
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.get("location"), "https://elsewhere.example/users");
});

Deno.test("gateway streams an answer: the first piece is here before the last is made", async () => {
  let service!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (service = c) });
  const { app } = setUp(() => new Response(body));
  const answer = await app.request("/api/users");
  const reader = answer.body?.getReader();
  service.enqueue(new TextEncoder().encode("first"));
  assert.equal(new TextDecoder().decode((await reader?.read())?.value), "first");
  service.close();
  assert.equal((await reader?.read())?.done, true);
});

Deno.test("gateway streams a request: the service reads the first piece before the last is sent", async () => {
  let client!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (client = c) });
  const received: string[] = [];
  const { app } = createTestGateway(async (request) => {
    for await (const piece of request.body ?? []) {
      received.push(new TextDecoder().decode(piece));
      if (received.length === 1) client.enqueue(new TextEncoder().encode("second"));
      else client.close();
    }
    return new Response(null, { status: 204 });
  });
  client.enqueue(new TextEncoder().encode("first"));
  const answer = await app.request("/api/orders", { method: "POST", body, headers: json });
  assert.equal(answer.status, 204);
  assert.deepEqual(received, ["first", "second"]);
});

Deno.test("gateway answers 413 to a body over the limit, declared or not", async () => {
  const options = { env: { MAX_BODY_BYTES: "1000" } };
  let asked = 0;
  const { app } = createTestGateway(async (request) => {
    asked++;
    await request.bytes();
    return new Response("too late");
  }, options);
  const declared = await app.request("/api/orders", {
    method: "POST",
    body: "x",
    headers: { ...json, "content-length": "1001" },
  });
  assert.equal(declared.status, 413);
  assert.equal(asked, 0);
  const chunked = await app.request("/api/payments", {
    method: "POST",
    body: ReadableStream.from([new Uint8Array(600), new Uint8Array(600)]),
    headers: json,
  });
  assert.equal(chunked.status, 413);
  assert.equal((await chunked.json()).type, "/problems/payload-too-large");
  assert.equal(asked, 1);
});

Deno.test("gateway sends even an empty POST as a stream, which fetch does not send twice", async () => {
  const bodies: unknown[] = [];
  const { app } = createTestGateway(async (request) => {
    bodies.push(request.body, await request.text());
    return new Response(null, { status: 400 });
  });
  await app.request("/api/payments", { method: "POST", headers: json });
  assert.ok(bodies[0] instanceof ReadableStream);
  assert.equal(bodies[1], "");
});

Deno.test("gateway answers 502 when the service cannot be reached, and says no more than that", async () => {
  const { app } = createTestGateway(() =>
    Promise.reject(new TypeError("connect ECONNREFUSED 10.0.0.7:3001"))
  );
  const answer = await app.request("/api/users");
  assert.equal(answer.status, 502);
  const text = await answer.text();
  assert.equal(JSON.parse(text).type, "/problems/bad-gateway");
  assert.doesNotMatch(text, /10\.0\.0\.7|ECONN/);
});

Deno.test("gateway answers 504 when the deadline passes", async () => {
  const { app, context } = createTestGateway(() => new Promise(() => {}), {
    env: { UPSTREAM_TIMEOUT_MS: "300" },
  });
  const pending = app.request("/api/payments/pay_1");
  await context.clock.advance(320);
  const answer = await pending;
  assert.equal(answer.status, 504);
  assert.equal((await answer.json()).type, "/problems/gateway-timeout");
});

Deno.test("gateway shares an answer that varies with Accept-Encoding, whatever clients accept", async () => {
  const { app, seen } = setUp(() => {
    const headers = { vary: "Accept-Encoding", "content-length": "2", ...json };
    return new Response("{}", { headers });
  });
  // The services are asked for no encoding, so they see no difference.
  const answers = await Promise.all(
    ["gzip", "br", "identity"].map((accepted) =>
      app.request("/api/users", { headers: { "accept-encoding": accepted } })
    ),
  );
  assert.deepEqual(await Promise.all(answers.map((answer) => answer.text())), ["{}", "{}", "{}"]);
  assert.equal(seen.length, 1);
});
