import assert from "node:assert/strict";
import { encodeCursor } from "./cursor.ts";
import { listQuerySchema, toListBody, toListOptions } from "./list_query.ts";

Deno.test("listQuerySchema reads limit as an integer from 1 to 100, 20 when absent", () => {
  assert.deepEqual(listQuerySchema.parse({}), { limit: 20 });
  for (const limit of [1, 7, 100]) {
    assert.equal(listQuerySchema.parse({ limit: String(limit) }).limit, limit);
  }
  for (const limit of ["0", "101", "-1", "1.5", "1e1", " 5", "", "five", "0x10", "9999"]) {
    assert.equal(listQuerySchema.safeParse({ limit }).success, false, limit);
  }
});

Deno.test("listQuerySchema says what is wrong with a limit", () => {
  const rows = {
    "1000": "must be at most 100",
    "0": "must be at least 1",
    x: "must be a whole number",
  };
  for (const [limit, message] of Object.entries(rows)) {
    assert.equal(listQuerySchema.safeParse({ limit }).error?.issues[0]?.message, message);
  }
});

Deno.test("toListOptions() continues where toListBody() ended", () => {
  const { nextCursor } = toListBody({ items: [{ id: "usr_2" }], next: "usr_2" });
  assert.deepEqual(toListOptions({ limit: 5, cursor: nextCursor }, "usr_"), {
    limit: 5,
    after: "usr_2",
  });
  assert.deepEqual(toListOptions({ limit: 5 }, "usr_"), { limit: 5 });
  assert.deepEqual(toListBody({ items: [] }), { items: [] });
});

Deno.test("toListOptions() refuses cursors of other lists and of nobody", () => {
  for (const cursor of [encodeCursor("ord_2"), "rubbish", "", "djE6"]) {
    assert.throws(() => toListOptions({ limit: 5, cursor }, "usr_"), {
      type: "invalid-parameter",
      errors: [{
        field: "cursor",
        message: cursor === encodeCursor("ord_2")
          ? "must be a cursor of this list"
          : "must be a cursor from the previous page",
      }],
    });
  }
});
