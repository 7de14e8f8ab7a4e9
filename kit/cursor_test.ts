import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { Problem } from "./problem.ts";

Deno.test("decodeCursor() undoes encodeCursor() for every id", () => {
  const id = fc.stringMatching(/^[\x21-\x7e]{1,128}$/);
  fc.assert(fc.property(id, (id) => {
    const cursor = encodeCursor(id);
    assert.match(cursor, /^[A-Za-z0-9_-]+$/);
    assert.equal(decodeCursor(cursor), id);
  }));
});

Deno.test("decodeCursor() answers 400 to everything else", () => {
  const good = encodeCursor("ord_1");
  const rubbish = fc.string().filter((text) => text !== good);
  const check = (text: string) =>
    assert.throws(() => decodeCursor(text), (error) => {
      assert.ok(error instanceof Problem);
      assert.equal(error.status, 400);
      assert.equal(error.errors?.[0]?.field, "cursor");
      return true;
    }, text);
  fc.assert(fc.property(rubbish, check));
  // Another spelling of the same bytes: the spare bits of the last character.
  const last = good.at(-1) ?? "";
  const other = String.fromCharCode(last.charCodeAt(0) + 1);
  for (
    const text of ["", "v1:x", btoa("v2:x"), btoa("v1:"), `${good}=`, good.slice(0, -1) + other]
  ) {
    check(text);
  }
  check(encodeCursor("x".repeat(128)) + "A");
});

Deno.test("encodeCursor() refuses ids that it could not give back", () => {
  for (const id of ["", "a b", "é", "x".repeat(129)]) {
    assert.throws(() => encodeCursor(id), RangeError);
  }
});
