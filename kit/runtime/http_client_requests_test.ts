import assert from "node:assert/strict";
import { answering, type RawServer, startRawServer } from "../../testing/raw_server.ts";
import type { HttpRequest } from "../upstream/request.ts";
import { createHttpClient } from "./http_client.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async function ask(server: RawServer, request?: HttpRequest, path = "/"): Promise<string> {
  using client = createHttpClient();
  const answer = await client.send(server.url + path, request);
  return `${answer.status} ${await answer.text()}`;
}
Deno.test("HttpClient sends the path, the host and the fields as they are, and no others", async () => {
  const heads: (string | undefined)[] = [];
  await using server = startRawServer(async (connection) => {
    heads.push(await connection.request());
    await connection.write(OK);
  });
  const headers = { accept: "*/*", "x-name": "J\u00f6rg", "x-empty": "" };
  assert.equal(await ask(server, { headers }, "/users/%C3%B6?a=b&c=%20#"), "200 ok");
  const host = server.url.replace("http://", "");
  const [line, ...fields] = heads[0]?.split("\r\n") ?? [];
  assert.equal(line, "GET /users/%C3%B6?a=b&c=%20# HTTP/1.1");
  assert.deepEqual(
    fields.filter((field) => field !== "").map((field) => field.toLowerCase()).sort(),
    ["accept: */*", `host: ${host}`, "x-empty: ", "x-name: j\u00f6rg"],
  );
});

Deno.test("HttpClient sends everything by fetch when it is told to", async () => {
  const heads: (string | undefined)[] = [];
  await using server = startRawServer(async (connection) => {
    heads.push(await connection.request());
    await connection.write(OK);
  });
  using client = createHttpClient({ direct: false });
  assert.equal(await (await client.send(`${server.url}/`)).text(), "ok");
  assert.match(heads[0] ?? "", /^user-agent: deno/im);
});

Deno.test("HttpClient encodes what a client sends in a path as it is", async () => {
  const lines: unknown[] = [];
  await using server = startRawServer(async (connection) => {
    lines.push((await connection.request())?.split("\r\n")[0]);
    await connection.write(OK);
  });
  for (const path of ["/?q=\u00f6", "/\u{1f600}%20", "/\ud800"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    assert.equal(await ask(server, {}, path), "200 ok");
  }
  const paths = ["/?q=%C3%B6", "/%F0%9F%98%80%20", "/%EF%BF%BD"];
  assert.deepEqual(lines, paths.map((path) => `GET ${path} HTTP/1.1`));
});

Deno.test("HttpClient sends nothing of a field that would start another line", async () => {
  await using server = answering(OK);
  for (const value of ["a\r\nx-admin: 1", "a\nb", "a\0b"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await assert.rejects(ask(server, { headers: { "x-name": value } }));
  }
  for (const name of ["content-length", "transfer-encoding", "host", "connection", "a b", ""]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await assert.rejects(ask(server, { headers: { [name]: "1" } }), TypeError);
  }
  await assert.rejects(ask(server, {}, "/a b"));
  await assert.rejects(ask(server, {}, "/a\r\nx-admin: 1"));
  assert.equal(server.accepted, 0);
});

Deno.test("HttpClient sends what has a body as a stream, once, and gives the answer in the same way", async () => {
  const bodies: string[] = [];
  await using service = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      bodies.push(
        `${request.method} ${request.headers.get("content-length")} ${await request.text()}`,
      );
      return new Response(null, { status: 307, headers: { location: "/elsewhere" } });
    },
  );
  using client = createHttpClient();
  const answer = await client.send(`http://127.0.0.1:${service.addr.port}/payments`, {
    method: "POST",
    body: ReadableStream.from([new TextEncoder().encode("paid")]),
  });
  assert.equal(answer.status, 307);
  answer.headers.set("x-instance-id", "gateway-1");
  assert.deepEqual(bodies, ["POST null paid"]);
});

Deno.test("HttpClient passes on no status that HTTP does not know, by fetch neither", async () => {
  await using server = answering("HTTP/1.1 999 X\r\ncontent-length: 2\r\n\r\nok");
  await assert.rejects(ask(server, { method: "POST" }), /must be at most 599, received "999"/);
});

Deno.test("HttpClient tells neither encoding nor length of a body that fetch has decompressed", async () => {
  const compressed = new Response("plain").body?.pipeThrough(new CompressionStream("gzip"));
  const bytes = await new Response(compressed).bytes();
  await using service = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(bytes, { headers: { "content-encoding": "gzip" } }),
  );
  using client = createHttpClient();
  const send = (method: string) =>
    client.send(`http://127.0.0.1:${service.addr.port}/`, { method });
  const posted = await send("POST");
  assert.deepEqual([posted.headers.get("content-encoding"), await posted.text()], [null, "plain"]);
  assert.equal(posted.headers.has("content-length"), false);
  const got = await send("GET");
  assert.equal(got.headers.get("content-encoding"), "gzip");
  assert.deepEqual(new Uint8Array(await got.arrayBuffer()), bytes);
});
