import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpResponseReader } from "./http_response.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Text, body bytes without framing, and whether another request may follow. */
const RESPONSES: readonly [name: string, text: string, bodyBytes: number, keepAlive: boolean][] = [
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Instance-Id: a\r\n\r\nhello", 5, true],
  ["no body", "HTTP/1.1 204 No Content\r\n\r\n", 0, true],
  ["length 0", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0, true],
  ["no reason", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 0, true],
  ["close", "HTTP/1.1 503 No\r\ncontent-length: 1\r\nConnection: Close\r\n\r\nx", 1, false],
  [
    "chunks",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    15,
    true,
  ],
  [
    "chunks and a trailer",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\nx: y\r\n\r\n",
    1,
    true,
  ],
  // An informational response comes first and does not end it.
  [
    "103",
    "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    2,
    true,
  ],
];

for (const [name, text, bodyBytes, keepAlive] of RESPONSES) {
  Deno.test(`HttpResponseReader reads ${name} however the bytes are cut`, () => {
    const all = bytes(text);
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: all.length })), (cuts) => {
      const reader = new HttpResponseReader();
      const ends = [...cuts.sort((a, b) => a - b), all.length];
      ends.reduce((from, to) => {
        if (from < to) assert.equal(reader.done, false);
        reader.push(all.subarray(from, to));
        return to;
      }, 0);
      assert.equal(reader.done, true);
      assert.equal(reader.bodyBytes, bodyBytes);
      assert.equal(reader.keepAlive, keepAlive);
    }));
  });
}

Deno.test("HttpResponseReader keeps headers under lower-case names", () => {
  const reader = new HttpResponseReader();
  reader.push(bytes("HTTP/1.1 200 OK\r\nX-Instance-ID:  gateway-1 \r\ncontent-length: 0\r\n\r\n"));
  assert.equal(reader.headers.get("x-instance-id"), "gateway-1");
});

Deno.test("HttpResponseReader ends a body without length at the close", () => {
  const reader = new HttpResponseReader();
  reader.push(bytes("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc"));
  assert.equal(reader.done, false);
  assert.equal(reader.end(), true);
  assert.equal(reader.bodyBytes, 3);
});

Deno.test("HttpResponseReader is not complete when the peer closes early", () => {
  const reader = new HttpResponseReader();
  reader.push(bytes("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"));
  assert.equal(reader.end(), false);
  assert.equal(reader.started, true);
});

Deno.test("HttpResponseReader expects no body after HEAD", () => {
  const reader = new HttpResponseReader({ toHead: true });
  reader.push(bytes("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"));
  assert.equal(reader.done, true);
});

const BROKEN: readonly [name: string, text: string][] = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["a length that is not digits", "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"],
  [
    "a chunk size that is not hexadecimal",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
  ],
  [
    "a chunk longer than it says",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
  ],
  ["bytes after the end", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"],
];
for (const [name, text] of BROKEN) {
  Deno.test(`HttpResponseReader refuses ${name}`, () => {
    assert.throws(() => new HttpResponseReader().push(bytes(text)), /Cannot read the response/);
  });
}
