import assert from "node:assert/strict";
import { fakeContainer } from "../../testing/container.ts";
import { surplusOf } from "./replicas.ts";

const CONTAINERS = [
  ...["1", "2", "3", "10"].map((number) => fakeContainer("gateway", `g${number}`, number)),
  ...["1", "2"].map((number) => fakeContainer("users", `u${number}`, number)),
  fakeContainer("redis", "redis"),
];

Deno.test.each([
  {
    target: { gateway: 3 },
    ended: [],
    surplus: ["g10"],
    what: "the highest number goes, not text",
  },
  { target: { gateway: 3 }, ended: ["g10"], surplus: ["g10"], what: "one that ended is surplus" },
  { target: { gateway: 3 }, ended: ["g1"], surplus: ["g1"], what: "those that serve stay" },
  { target: { gateway: 1 }, ended: ["g1", "g2"], surplus: ["g10", "g1", "g2"], what: "both kinds" },
  { target: { gateway: 4, users: 1 }, ended: [], surplus: ["u2"], what: "each by its own target" },
  { target: {}, ended: ["g1"], surplus: [], what: "nothing was asked for" },
])("surplusOf(): $what", ({ target, ended, surplus }) => {
  const isServing = (id: string) => !(ended as readonly string[]).includes(id);
  const found = surplusOf(CONTAINERS, target, { isServing });
  assert.deepEqual(found.map(({ Id }) => Id), surplus);
});
