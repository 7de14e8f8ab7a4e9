import assert from "node:assert/strict";
import { IgnoredTests } from "./ignored_tests.ts";

const OUTPUT = `running 1 test from ./a_test.ts
a() works ... ok (1ms)
------- pre-test output -------
ignored here: redis-server is not installed
----- pre-test output end -----
\u001b[38;5;245mrunning 2 tests from ./b_test.ts\u001b[0m
b() stores ... \u001b[33mignored\u001b[0m \u001b[38;5;245m(0ms)\u001b[0m
b() parses ... ok (1ms)
running 1 test from ./c_test.ts
c() is left out ... ignored (0ms)
`;

Deno.test("IgnoredTests.report() names each ignored test with its file's reason", () => {
  const ignored = new IgnoredTests();
  for (const character of OUTPUT) ignored.read(character); // cut everywhere
  assert.equal(ignored.count, 2);
  assert.deepEqual(ignored.report(), [
    "Ignored here: 2 (REQUIRE_ALL=1 makes this a failure)",
    "  ./b_test.ts: redis-server is not installed",
    "    b() stores",
    "  ./c_test.ts: the test itself says so",
    "    c() is left out",
  ]);
});

Deno.test("IgnoredTests.report() is empty when nothing was ignored", () => {
  const ignored = new IgnoredTests();
  ignored.read("running 1 test from ./a_test.ts\na() says it was ignored ... ok (1ms)\n");
  assert.deepEqual(ignored.report(), []);
});
