import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEndpoints, watchEndpointsFile } from "./endpoints.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { requires } from "../testing/requires.ts";

Deno.test("parseEndpoints() gives the origins of a comma list", () => {
  using endpoints = parseEndpoints("http://10.0.0.1:3001, http://10.0.0.2:3001/");
  assert.deepEqual(endpoints.current(), ["http://10.0.0.1:3001", "http://10.0.0.2:3001"]);
  assert.equal(endpoints.current(), endpoints.current());
});

for (const list of ["", " , ", "users:3001", "ftp://users", "http://users:1/path", "http://u/?q"]) {
  Deno.test(`parseEndpoints() throws when given "${list}"`, () => {
    assert.throws(() => parseEndpoints(list), {
      name: "TypeError",
      message: /^Cannot parse endpo/,
    });
  });
}

Deno.test("parseEndpoints() follows a name, and keeps the last answer when it cannot be resolved", async () => {
  const clock = new FakeClock();
  const warnings: string[] = [];
  const answers: (readonly string[] | Error)[] = [
    ["10.0.0.2", "10.0.0.1"],
    ["10.0.0.1", "10.0.0.2"], // another order is no change
    new Error("no answer"),
    [], // neither is an empty answer
    ["10.0.0.3", "fd00::1"],
  ];
  using endpoints = parseEndpoints("dns+http://users:3001", {
    clock,
    log: { warn: (message) => warnings.push(message) },
    lookup: (name) => {
      assert.equal(name, "users");
      const answer = answers.shift();
      return Array.isArray(answer) ? Promise.resolve(answer) : Promise.reject(answer);
    },
  });
  assert.deepEqual(endpoints.current(), []);
  await clock.advance(0);
  const first = endpoints.current();
  assert.deepEqual(first, ["http://10.0.0.1:3001", "http://10.0.0.2:3001"]);
  await clock.advance(1_000);
  assert.equal(endpoints.current(), first);
  await clock.advance(2_000);
  assert.equal(endpoints.current(), first);
  assert.deepEqual(warnings, ["name not resolved"]);
  await clock.advance(1_000);
  assert.deepEqual(endpoints.current(), ["http://10.0.0.3:3001", "http://[fd00::1]:3001"]);
});

Deno.test("parseEndpoints() joins fixed and resolved entries", async () => {
  const clock = new FakeClock();
  using endpoints = parseEndpoints("http://a:1,dns+http://b:2", {
    clock,
    lookup: () => Promise.resolve(["10.0.0.9"]),
  });
  assert.deepEqual(endpoints.current(), ["http://a:1"]);
  await clock.advance(0);
  assert.deepEqual(endpoints.current(), ["http://a:1", "http://10.0.0.9:2"]);
  assert.equal(endpoints.current(), endpoints.current());
});

Deno.test("parseEndpoints() stops resolving when disposed", async () => {
  const clock = new FakeClock();
  let asked = 0;
  const endpoints = parseEndpoints("dns+http://users:3001", {
    clock,
    lookup: () => Promise.resolve([`10.0.0.${++asked}`]),
  });
  await clock.advance(1_000);
  endpoints[Symbol.dispose]();
  await clock.advance(10_000);
  assert.equal(asked, 2);
  assert.equal(clock.sleeping, 0);
});

Deno.test(
  "watchEndpointsFile() sees a replaced file within 500 ms and outlives a bad one",
  requires(),
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "endpoints-"));
    const path = join(directory, "upstreams.json");
    const write = (text: string) => {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    };
    const clock = new FakeClock();
    const warnings: string[] = [];
    try {
      using file = watchEndpointsFile(path, {
        clock,
        log: { warn: (text) => warnings.push(text) },
      });
      const users = file.service("users");
      assert.deepEqual(users.current(), []);
      assert.equal(warnings.length, 1);

      write(`{"users":["http://127.0.0.1:1"],"orders":[]}`);
      await clock.advance(500);
      const one = users.current();
      assert.deepEqual(one, ["http://127.0.0.1:1"]);

      write(`{"users":["http://127.0.0.1:1"],"orders":["http://127.0.0.1:9"]}`);
      await clock.advance(500);
      assert.equal(users.current(), one, "an unchanged service keeps its array");
      assert.deepEqual(file.service("orders").current(), ["http://127.0.0.1:9"]);

      for (const bad of ["{", `{"users":["not a url"]}`, `["http://127.0.0.1:1"]`]) {
        write(bad);
        // deno-lint-ignore no-await-in-loop -- one content after the other
        await clock.advance(500);
        assert.equal(users.current(), one, bad);
      }
      assert.equal(warnings.length, 4, "each trouble is told once");

      write(`{"users":["http://127.0.0.1:1","http://127.0.0.1:2"]}`);
      await clock.advance(500);
      assert.deepEqual(users.current(), ["http://127.0.0.1:1", "http://127.0.0.1:2"]);
      assert.deepEqual(file.service("orders").current(), []);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
