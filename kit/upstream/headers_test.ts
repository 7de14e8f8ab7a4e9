import assert from "node:assert/strict";
import { hasAny, HOP_BY_HOP, removeHopByHop, splitFields } from "./headers.ts";

const withhold = new Set([...HOP_BY_HOP, "cookie"]);

/** Fields of one hop, with two that are for the other end. */
function message(connection: string): Headers {
  return new Headers({
    connection,
    "keep-alive": "timeout=5",
    te: "trailers",
    trailer: "x-sum",
    "transfer-encoding": "chunked",
    upgrade: "websocket",
    "proxy-authorization": "Basic x",
    "proxy-connection": "keep-alive",
    "http2-settings": "AAMAAABkAAQAAP",
    "x-named": "1",
    "x-kept": "2",
    accept: "*/*",
  });
}

for (const connection of ["close, X-Named ,te", "x-named", "X-NAMED,,(rubbish),é"]) {
  Deno.test(`splitFields() passes nothing that is hop-by-hop when Connection is "${connection}"`, () => {
    const { passed } = splitFields(message(connection.replace("é", "\u00e9")), withhold);
    assert.deepEqual(passed, { accept: "*/*", "x-kept": "2" });
  });

  Deno.test(`removeHopByHop() leaves what is end-to-end when Connection is "${connection}"`, () => {
    const headers = message(connection);
    removeHopByHop(headers);
    assert.deepEqual([...headers], [["accept", "*/*"], ["x-kept", "2"]]);
  });
}

Deno.test("splitFields() holds back what it is told to, and joins what was given twice", () => {
  const headers = new Headers({ connection: "keep-alive", cookie: "a=b" });
  headers.append("accept", "a/b");
  headers.append("accept", "c/d");
  assert.deepEqual(splitFields(headers, withhold), {
    passed: { accept: "a/b, c/d" },
    withheld: { connection: "keep-alive", cookie: "a=b" },
  });
});

Deno.test("removeHopByHop() keeps several Set-Cookie fields apart", () => {
  const headers = new Headers({ connection: "keep-alive" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  removeHopByHop(headers);
  assert.deepEqual([...headers], [["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
});

Deno.test("hasAny() finds a field whatever its case", () => {
  const names = new Set(["location", "te"]);
  assert.equal(hasAny(new Headers({ Location: "/", accept: "*/*" }), names), true);
  assert.equal(hasAny(new Headers({ accept: "*/*" }), names), false);
  assert.equal(hasAny(new Headers(), names), false);
});
