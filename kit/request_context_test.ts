import assert from "node:assert/strict";
import { acceptRequestId, acceptTraceparent, createRequestIds } from "./request_context.ts";

Deno.test("createRequestIds() never repeats, and its ids are accepted by the next hop", () => {
  const [here, there] = [createRequestIds(), createRequestIds()];
  const ids = Array.from({ length: 1_000 }, () => [here(), there()]).flat();
  assert.equal(new Set(ids).size, 2_000);
  for (const id of ids) assert.equal(acceptRequestId(id), id);
});

Deno.test("acceptRequestId() takes harmless ids only", () => {
  const cases: [string | null, boolean][] = [
    [null, false],
    ["", false],
    ["1234567", false],
    ["12345678", true],
    ["A-b_c.d-e", true],
    ["-12345678", false],
    ["a".repeat(64), true],
    ["a".repeat(65), false],
    ["abc\ndefgh", false],
    ["abcdefgh\n", false], // `$` must not match before a newline
    ["abc defgh", false],
    ["ümlauts-here", false],
  ];
  for (const [value, accepted] of cases) {
    assert.equal(acceptRequestId(value), accepted ? value : undefined, String(value));
  }
});

Deno.test("acceptTraceparent() takes what W3C Trace Context allows", () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const span = "b7ad6b7169203331";
  const cases: [string | null, boolean][] = [
    [`00-${trace}-${span}-01`, true],
    [`01-${trace}-${span}-00`, true],
    [null, false],
    ["", false],
    [`ff-${trace}-${span}-01`, false], // forbidden version
    [`00-${"0".repeat(32)}-${span}-01`, false],
    [`00-${trace}-${"0".repeat(16)}-01`, false],
    [`00-${trace.toUpperCase()}-${span}-01`, false],
    [`00-${trace}-${span}-01-extra`, false],
    [`00-${trace}-${span}-0\n`, false],
    [`00-${trace}-${span}`, false],
  ];
  for (const [value, accepted] of cases) {
    assert.equal(acceptTraceparent(value), accepted ? value : undefined, String(value));
  }
});
