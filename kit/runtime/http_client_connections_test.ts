import assert from "node:assert/strict";
import { answering, type RawConnection, startRawServer } from "../../testing/raw_server.ts";
import { until } from "../../testing/until.ts";
import { systemClock } from "../clock.ts";
import { createHttpClient } from "./http_client.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

Deno.test("HttpClient keeps nothing of one answer for the next", async () => {
  // Were these taken for the next answer, one client would get what was meant for another.
  const stray = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray";
  const straying = (afterMs: number) => async (connection: RawConnection) => {
    await connection.request();
    await connection.write(afterMs === 0 ? OK + stray : OK);
    if (afterMs > 0) await systemClock.sleep(afterMs);
    if (afterMs > 0) await connection.write(stray);
    // deno-lint-ignore no-await-in-loop -- one after the other
    while (await connection.request()) await connection.write(OK);
  };
  for (const script of [straying(0), straying(20)]) {
    await using server = startRawServer(script);
    using client = createHttpClient();
    for (let i = 0; i < 3; i++) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      assert.equal(await (await client.send(`${server.url}/`)).text(), "ok");
      // deno-lint-ignore no-await-in-loop -- one after the other
      await systemClock.sleep(60);
      assert.equal(server.accepted, i + 1, "a connection that says too much is closed");
    }
  }
});

Deno.test("HttpClient does not use a connection again that the server wants to close", async () => {
  for (const start of ["HTTP/1.1 200 OK\r\nconnection: x, Close", "HTTP/1.0 200 OK"]) {
    await using server = answering(`${start}\r\ncontent-length: 2\r\n\r\nok`);
    using client = createHttpClient();
    for (let i = 1; i <= 3; i++) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      assert.equal(await (await client.send(`${server.url}/`)).text(), "ok");
      assert.equal(server.accepted, i, start);
    }
  }
});

Deno.test("HttpClient rejects at once when the connection that it opened is closed", async () => {
  await using server = startRawServer((connection) => Promise.resolve(connection.close()));
  using client = createHttpClient();
  const answers = Array.from({ length: 20 }, () => client.send(`${server.url}/`));
  for (
    const endMs = systemClock.now() + 30;
    systemClock.now() < endMs;
  ) { /* the end comes meanwhile */ }
  const outcomes = await Promise.allSettled(answers);
  assert.deepEqual(new Set(outcomes.map(({ status }) => status)), new Set(["rejected"]));
});

Deno.test("HttpClient gives up, and closes the connection, when its signal aborts", async (t) => {
  const cases: Record<string, string> = {
    "before the header": "",
    "in a short body": "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\no",
    "in a long body": "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\no",
  };
  for (const [name, raw] of Object.entries(cases)) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await t.step(name, async () => {
      await using server = answering(raw);
      using client = createHttpClient();
      const stop = new AbortController();
      const read = client.send(`${server.url}/`, { signal: stop.signal })
        .then((answer) => answer.text());
      await until("the connection", () => server.open === 1);
      setTimeout(() => stop.abort(), 50);
      await assert.rejects(read);
      await until("its end", () => server.open === 0);
    });
  }
  await t.step("before it was sent, on a new connection or one that is kept", async () => {
    await using server = answering(OK);
    using client = createHttpClient();
    const rejects = () =>
      assert.rejects(client.send(`${server.url}/`, { signal: AbortSignal.abort() }));
    await rejects();
    await (await client.send(`${server.url}/`)).text();
    await rejects();
    await until("its end", () => server.open === 0);
  });
});

Deno.test("HttpClient gives up while it connects when its signal aborts", async () => {
  // Nobody accepts, and the queue is full: whoever comes now hears nothing.
  const options: Deno.TcpListenOptions & { tcpBacklog: number } = {
    hostname: "127.0.0.1",
    port: 0,
    tcpBacklog: 1,
  };
  using listener = Deno.listen(options);
  const { port } = listener.addr;
  const first = await Promise.all([Deno.connect({ port }), Deno.connect({ port })]);
  using client = createHttpClient();
  await assert.rejects(
    client.send(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(50) }),
    { name: "TimeoutError" },
  );
  for (const connection of first) connection.close();
});

Deno.test("HttpClient does not hold a signal against the next request on its connection", async () => {
  await using server = answering(OK);
  using client = createHttpClient();
  for (let i = 0; i < 3; i++) {
    const stop = new AbortController();
    const { signal } = stop;
    // deno-lint-ignore no-await-in-loop -- one after the other
    assert.equal(await (await client.send(`${server.url}/`, { signal })).text(), "ok");
    stop.abort();
    // deno-lint-ignore no-await-in-loop -- one after the other
    await systemClock.sleep(20);
  }
  assert.equal(server.accepted, 1);
});

Deno.test("HttpClient lets a streamed body take its time, whatever its signal says", async (t) => {
  const slow = async (connection: RawConnection) => {
    // deno-lint-ignore no-await-in-loop -- one after the other
    while (await connection.request()) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n");
      // deno-lint-ignore no-await-in-loop -- one after the other
      await systemClock.sleep(100);
      // deno-lint-ignore no-await-in-loop -- one after the other
      await connection.write("3\r\nend\r\n0\r\n\r\n");
    }
  };
  for (const method of ["GET", "POST"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await t.step(method, async () => {
      await using server = startRawServer(slow);
      using client = createHttpClient();
      const stop = new AbortController();
      const { signal } = stop;
      const answer = await client.send(`${server.url}/`, { method, signal, streamed: true });
      stop.abort();
      assert.equal(await answer.text(), "beginend");
      const cut = await client.send(`${server.url}/`, { method, signal: AbortSignal.timeout(50) });
      await assert.rejects(cut.text(), { name: "TimeoutError" });
    });
  }
});

Deno.test("HttpClient closes the connection of a body that nobody wants", async () => {
  await using server = answering(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
  );
  using client = createHttpClient();
  const answer = await client.send(`${server.url}/`);
  await until("the connection", () => server.open === 1);
  await answer.body?.cancel();
  await until("its end", () => server.open === 0);
});

Deno.test("HttpClient does not end the next request when nobody reads an answer that has ended", async () => {
  const chunked = "HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  await using server = startRawServer(async (connection) => {
    await connection.request();
    await connection.write(chunked);
    await connection.request();
    await systemClock.sleep(100);
    await connection.write(OK);
    await connection.request();
  });
  using client = createHttpClient();
  const unread = await client.send(`${server.url}/`);
  await systemClock.sleep(30);
  const next = client.send(`${server.url}/`);
  await systemClock.sleep(30);
  await unread.body?.cancel();
  assert.equal(await (await next).text(), "ok");
  assert.equal(server.accepted, 1);
});

Deno.test("HttpClient reads no more of a streamed body than is wanted", async () => {
  const piece = new Uint8Array(65_536);
  let written = 0;
  await using server = startRawServer(async (connection) => {
    await connection.request();
    await connection.write(`HTTP/1.1 200 OK\r\ncontent-length: ${1_000 * piece.length}\r\n\r\n`);
    for (let i = 0; i < 1_000; i++) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await connection.write(piece);
      written += piece.length;
    }
  });
  using client = createHttpClient();
  const answer = await client.send(`${server.url}/`);
  let before = -1;
  while (before !== written) {
    before = written;
    // deno-lint-ignore no-await-in-loop -- until it stands still
    await systemClock.sleep(200);
  }
  // What the system keeps for both ends of a connection is 6 MB here; all would be 65.
  assert.ok(written < 16e6, `${written} bytes were taken, which nobody has read`);
  await answer.body?.cancel();
});
