import { strictEqual } from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { PROJECT_ROOT } from "../stack/tools.ts";
import { committedFiles } from "./committed.ts";

for (const [path, text] of Object.entries(committedFiles())) {
  Deno.test({
    name: `${path} is what lb/ renders (else: deno run --allow-write lb/committed.ts)`,
    ...requires(),
    fn: async () => {
      strictEqual(await Deno.readTextFile(PROJECT_ROOT + path), text);
    },
  });
}
