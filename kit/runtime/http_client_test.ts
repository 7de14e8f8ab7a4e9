import assert from "node:assert/strict";
import { assert as property, asyncProperty, integer, uint8Array } from "fast-check";
import {
  answering,
  closingAfter,
  type RawServer,
  startRawServer,
} from "../../testing/raw_server.ts";
import type { HttpRequest } from "../upstream/request.ts";
import { createHttpClient } from "./http_client.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async function ask(server: RawServer, request?: HttpRequest, path = "/"): Promise<string> {
  using client = createHttpClient();
  const answer = await client.send(server.url + path, request);
  return `${answer.status} ${await answer.text()}`;
}
Deno.test("HttpClient gives the answer as it is", async (t) => {
  const cases: Record<string, [raw: string, expected: string, method?: string]> = {
    "with a length": [OK, "200 ok"],
    "in chunks, with a trailer": [
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx: y\r\n\r\n",
      "200 abcde",
    ],
    "after interim ones": [
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}`,
      "200 ok",
    ],
    "empty": ["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404 "],
    "without a body": ["HTTP/1.1 204 No Content\r\n\r\n", "204 "],
    "not modified, with the length of what it stands for": [
      "HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n",
      "304 ",
    ],
    "to HEAD": ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", "200 ", "HEAD"],
    "a redirect": ["HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "302 "],
    "without a reason": ["HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok", "200 ok"],
    "of a status that nobody knows": ["HTTP/1.1 599 X\r\ncontent-length: 1\r\n\r\nx", "599 x"],
  };
  for (const [name, [raw, expected, method = "GET"]] of Object.entries(cases)) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await t.step(name, async () => {
      await using server = answering(raw);
      using client = createHttpClient();
      for (let i = 0; i < 2; i++) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        const answer = await client.send(server.url + "/", { method });
        // deno-lint-ignore no-await-in-loop -- one after the other
        assert.equal(`${answer.status} ${await answer.text()}`, expected);
      }
      assert.equal(server.accepted, 1, "one connection for both");
    });
  }
});

Deno.test("HttpClient reads up to the end of the connection what has no length", async () => {
  await using server = closingAfter("HTTP/1.0 200 OK\r\n\r\nfirst ", "second");
  assert.equal(await ask(server), "200 first second");
});

Deno.test("HttpClient keeps repeated fields apart where that matters, and lets them be changed", async () => {
  await using server = answering(
    "HTTP/1.1 200 OK\r\nSet-Cookie: a=1, b\r\nvary: a\r\nset-cookie: c=2\r\nVary: b\r\nx-name: J\xf6rg\r\n" +
      "content-length: 0\r\n\r\n",
  );
  using client = createHttpClient();
  const { headers } = await client.send(`${server.url}/`);
  assert.deepEqual(headers.getSetCookie(), ["a=1, b", "c=2"]);
  assert.equal(headers.get("vary"), "a, b");
  assert.equal(headers.get("x-name"), "J\u00f6rg");
  headers.delete("vary");
  headers.set("x-instance-id", "gateway-1");
  assert.deepEqual([headers.get("vary"), headers.get("x-instance-id")], [null, "gateway-1"]);
});

Deno.test("HttpClient reads the same however the answer is cut into pieces", async () => {
  const chunked =
    "HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  const sized = "HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 5\r\n\r\nabcde";
  let raw = "";
  let cut = 1;
  await using server = startRawServer(async (connection) => {
    // deno-lint-ignore no-await-in-loop -- one after the other
    while (await connection.request()) {
      for (let from = 0; from < raw.length; from += cut) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        await connection.write(raw.slice(from, from + cut));
      }
    }
  });
  using client = createHttpClient();
  for (raw of [chunked, sized]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await property(
      asyncProperty(integer({ min: 1, max: raw.length }), async (length) => {
        cut = length;
        const answer = await client.send(`${server.url}/`);
        assert.deepEqual([answer.headers.get("x-a"), await answer.text()], ["b", "abcde"]);
      }),
      { numRuns: 40 },
    );
  }
});

Deno.test("HttpClient gives bodies of any length and content, whole or streamed", async () => {
  let body = new Uint8Array(0);
  await using server = startRawServer(async (connection) => {
    // deno-lint-ignore no-await-in-loop -- one after the other
    while (await connection.request()) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await connection.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`);
      // deno-lint-ignore no-await-in-loop -- one after the other
      await connection.write(body);
    }
  });
  using client = createHttpClient({ maxWholeBytes: 2_000 });
  await property(
    asyncProperty(uint8Array({ maxLength: 4_000, size: "max" }), async (bytes) => {
      body = Uint8Array.from(bytes);
      const answer = await client.send(`${server.url}/`);
      assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes);
    }),
    { numRuns: 100 },
  );
});

Deno.test("HttpClient rejects an answer that breaks off, and when there is none", async (t) => {
  const cases: Record<string, string> = {
    "nothing": "",
    "half a header": "HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
  };
  for (const [name, raw] of Object.entries(cases)) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await t.step(name, async () => {
      await using server = closingAfter(raw);
      await assert.rejects(ask(server));
    });
  }
  await t.step("nobody", async () => {
    let url;
    {
      await using server = answering(OK);
      ({ url } = server);
    }
    using client = createHttpClient();
    await assert.rejects(client.send(`${url}/`));
  });
});

Deno.test("HttpClient fails a streamed body that breaks off, with a length or in chunks", async () => {
  const sized = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nbegin";
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n";
  for (const raw of [sized, chunked]) {
    await using server = closingAfter(raw);
    using client = createHttpClient();
    // deno-lint-ignore no-await-in-loop -- one after the other
    const answer = await client.send(`${server.url}/`);
    assert.equal(answer.status, 200);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await assert.rejects(answer.text());
  }
});

Deno.test("HttpClient keeps the pieces of a stream apart, however late they are read", async () => {
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i >> 8) ^ i);
  await using server = startRawServer(async (connection) => {
    await connection.request();
    await connection.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\n\r\n`);
    await connection.write(bytes);
    await connection.request();
  });
  using client = createHttpClient();
  const answer = await client.send(`${server.url}/`);
  const pieces = await Array.fromAsync(answer.body ?? []);
  assert.ok(pieces.length > 5);
  assert.deepEqual(await new Response(ReadableStream.from(pieces)).bytes(), bytes);
});

Deno.test("HttpClient gives the same bytes whatever their type", async () => {
  const bodies = [
    "plain",
    "\xef\xbb\xbfwith a mark",
    "\xc3\xb6",
    "\xff\xfe no UTF-8",
    "\xc3",
    "\0",
  ];
  for (const type of ["content-type: text/plain\r\n", ""]) {
    for (const body of bodies) {
      await using server = answering(
        `HTTP/1.1 200 OK\r\n${type}content-length: ${body.length}\r\n\r\n${body}`,
      );
      using client = createHttpClient();
      // deno-lint-ignore no-await-in-loop -- one after the other
      const answer = await client.send(`${server.url}/`);
      assert.equal(answer.headers.get("content-type"), type === "" ? null : "text/plain");
      // deno-lint-ignore no-await-in-loop -- one after the other
      const bytes = new Uint8Array(await answer.arrayBuffer());
      assert.equal(String.fromCharCode(...bytes), body);
    }
  }
});
