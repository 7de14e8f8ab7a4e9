import assert from "node:assert/strict";
import { fakeContainer } from "../../testing/container.ts";
import { StackError } from "../stack.ts";
import { inspect } from "./docker.ts";

/** What `docker inspect` says of `there`; the first of those that are not there ends it. */
function fakeDocker(...there: string[]) {
  // deno-lint-ignore require-await -- throws as a rejection
  return async ([, ...ids]: readonly string[]) => {
    const gone = ids.find((id) => !there.includes(id));
    if (gone !== undefined) {
      throw new StackError(`Cannot run docker inspect: received "Error: No such object: ${gone}"`);
    }
    return JSON.stringify(ids.map((id) => fakeContainer("gateway", id)));
  };
}

Deno.test("inspect() leaves out what is gone", async () => {
  const ids = async (...wanted: string[]) =>
    (await inspect(wanted, fakeDocker("a", "b"))).map(({ Id }) => Id);
  assert.deepEqual(await ids("a", "b"), ["a", "b"]);
  assert.deepEqual(await ids("a", "gone", "b"), ["a", "b"]);
  assert.deepEqual(await ids("gone"), []);
});

Deno.test("inspect() takes an engine that does not answer for no container that is gone", async () => {
  const ask = () => Promise.reject(new StackError("Cannot connect to the Docker daemon"));
  await assert.rejects(inspect(["a"], ask), { name: "StackError" });
  await assert.rejects(inspect(["a", "b"], ask), { name: "StackError" });
});
