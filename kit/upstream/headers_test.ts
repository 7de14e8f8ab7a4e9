import assert from "node:assert/strict";
import { endToEnd, withHopByHop } from "./headers.ts";

Deno.test("endToEnd() leaves out hop-by-hop fields and those that Connection names", () => {
  const headers = new Headers({
    connection: "keep-alive, X-Secret ,te",
    "keep-alive": "timeout=5",
    te: "trailers",
    trailer: "x-sum",
    "transfer-encoding": "chunked",
    upgrade: "websocket",
    "proxy-authorization": "Basic x",
    "x-secret": "1",
    "x-kept": "2",
    accept: "*/*",
  });
  assert.deepEqual(endToEnd(headers, withHopByHop()), [["accept", "*/*"], ["x-kept", "2"]]);
});

Deno.test("endToEnd() leaves out what the caller drops, and keeps the rest when Connection is plain", () => {
  for (const connection of ["keep-alive", "Keep-Alive", "upgrade"]) {
    const headers = new Headers({ connection, cookie: "a=b", "x-kept": "2" });
    assert.deepEqual(endToEnd(headers, withHopByHop("cookie")), [["x-kept", "2"]]);
  }
});

Deno.test("endToEnd() removes a field that Connection alone names", () => {
  const headers = new Headers({ connection: "x-secret", "x-secret": "1", "x-kept": "2" });
  assert.deepEqual(endToEnd(headers, withHopByHop()), [["x-kept", "2"]]);
});

Deno.test("endToEnd() keeps several Set-Cookie fields apart", () => {
  const headers = new Headers();
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  assert.deepEqual(endToEnd(headers, withHopByHop()), [["set-cookie", "a=1"], [
    "set-cookie",
    "b=2",
  ]]);
});
