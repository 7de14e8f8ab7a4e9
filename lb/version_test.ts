import { strictEqual } from "node:assert/strict";
import { isAtLeast } from "./version.ts";

const cases: [string, string, boolean][] = [
  ["1.27.4", "1.27.4", true],
  ["1.27.3", "1.27.4", false],
  ["1.31.0", "1.27.4", true],
  ["2.11.2", "2.7", true], // as numbers, not as text
  ["2.7", "2.7.1", false],
  ["2.7", "2.7.0", true], // a missing part is 0
  ["1.27.10", "1.27.3", true],
  ["1.22.1", "1.27.3", false],
  ["2", "1.99", true],
];
for (const [have, wanted, expected] of cases) {
  Deno.test(`isAtLeast() says ${expected} for ${have} when ${wanted} is wanted`, () => {
    strictEqual(isAtLeast(have, wanted), expected);
  });
}
