import assert from "node:assert/strict";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { requires } from "../../testing/requires.ts";
import { MeasuringClient } from "./client.ts";
import { requestOf } from "./request_bytes.ts";

const OK = "HTTP/1.1 200 OK\r\nx-instance-id: a\r\ncontent-length: 2\r\n\r\nok";

/** A server that does what `answer` says with the n-th request on the m-th connection (both from 1). */
async function serve(
  answer: (socket: net.Socket, request: number, connection: number) => void,
): Promise<{ url: string; connections(): number } & Disposable> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((socket) => {
    const connection = ++connections;
    let requests = 0;
    sockets.add(socket);
    socket.on("error", () => {}); // The client may be gone; that is its business.
    socket.on("data", () => answer(socket, ++requests, connection));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    connections: () => connections,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function request(url: string, method = "GET") {
  return requestOf({ url, method, headers: {} }, "kept-alive");
}

Deno.test("MeasuringClient uses a kept-alive connection again", requires(), async () => {
  using server = await serve((socket) => socket.write(OK));
  using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
  const first = await client.send(request(server.url));
  const second = await client.send(request(server.url));
  assert.deepEqual([first.status, first.instance, first.reused], [200, "a", false]);
  assert.deepEqual([second.status, second.reused], [200, true]);
  assert.equal(server.connections(), 1);
});

Deno.test("MeasuringClient opens a connection rather than queue", requires(), async () => {
  const waiting: net.Socket[] = [];
  using server = await serve((socket) => {
    waiting.push(socket);
    if (waiting.length === 3) waiting.forEach((each) => each.write(OK));
  });
  using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
  const all = await Promise.all([1, 2, 3].map(() => client.send(request(server.url))));
  assert.deepEqual(all.map(({ status }) => status), [200, 200, 200]);
  assert.equal(server.connections(), 3);
});

Deno.test(
  "MeasuringClient resends a GET once when a reused connection closes under it",
  requires(),
  async () => {
    using server = await serve((socket, nth) => nth === 1 ? socket.write(OK) : socket.end());
    using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
    await client.send(request(server.url));
    const second = await client.send(request(server.url));
    assert.deepEqual([second.status, second.error, second.retries], [200, null, 1]);
  },
);

Deno.test(
  "MeasuringClient never resends a POST, nor a GET when told not to",
  requires(),
  async () => {
    using server = await serve((socket, nth) => nth === 1 ? socket.write(OK) : socket.end());
    using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
    await client.send(request(server.url));
    assert.equal((await client.send(request(server.url, "POST"))).error, "closed");
    using strict = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000, retryClosed: false });
    await strict.send(request(server.url));
    assert.equal((await strict.send(request(server.url))).error, "closed");
  },
);

Deno.test(
  "MeasuringClient does not resend when a fresh connection closes",
  requires(),
  async () => {
    using server = await serve((socket) => socket.end());
    using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
    const outcome = await client.send(request(server.url));
    assert.deepEqual([outcome.error, outcome.retries, server.connections()], ["closed", 0, 1]);
  },
);

const FAILING: readonly [name: string, answer: (socket: net.Socket) => void, error: string][] = [
  ["truncated", (socket) => socket.end(OK.slice(0, -1)), "truncated"],
  ["reset", (socket) => socket.resetAndDestroy(), "reset"],
  ["timeout", () => {}, "timeout"],
  ["protocol", (socket) => socket.write("SSH-2.0-OpenSSH\r\n\r\n"), "protocol"],
];
for (const [name, answer, error] of FAILING) {
  Deno.test(`MeasuringClient names a ${name} failure`, requires(), async () => {
    using server = await serve(answer);
    using client = new MeasuringClient({ keepAlive: false, timeoutMs: 200 });
    assert.equal((await client.send(request(server.url))).error, error);
  });
}

Deno.test("MeasuringClient names a refused connection", requires(), async () => {
  const server = await serve(() => {});
  server[Symbol.dispose]();
  using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
  assert.equal((await client.send(request(server.url))).error, "refused");
});

Deno.test(
  "MeasuringClient drops a connection that the server closed while it was idle",
  requires(),
  async () => {
    const closed = Promise.withResolvers<void>();
    using server = await serve((socket, _nth, connection) => {
      socket.write(OK);
      if (connection === 1) {
        socket.end();
        socket.on("close", () => closed.resolve());
      }
    });
    using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
    await client.send(request(server.url));
    await closed.promise;
    const second = await client.send(request(server.url));
    assert.deepEqual([second.status, second.reused, second.retries], [200, false, 0]);
  },
);

Deno.test("MeasuringClient sends from the local address that it is given", requires(), async () => {
  const from: (string | undefined)[] = [];
  using server = await serve((socket) => {
    from.push(socket.remoteAddress);
    socket.write(OK);
  });
  using client = new MeasuringClient({ keepAlive: true, timeoutMs: 5_000 });
  await client.send({ ...request(server.url), localAddress: "127.9.8.7" });
  assert.deepEqual(from, ["127.9.8.7"]);
});
