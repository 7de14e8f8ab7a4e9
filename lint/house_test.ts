import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import house from "./house.ts";

/** Ids of the rules that a file with this text breaks. */
function broken(path: string, source: string): string[] {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  return Deno.lint.runPlugin(house, file, source).map(({ id }) => id.replace("house/", ""));
}

Deno.test("directions reports an import that points back", () => {
  for (
    const [path, source] of [
      ["kit/a.ts", `import { x } from "../gateway/b.ts";`],
      ["kit/store/a.ts", `import type { x } from "../../services/users/schema.ts";`],
      ["gateway/a.ts", `import { x } from "../services/users/schema.ts";`],
      ["gateway/a.ts", `import { x } from "../stack/stack.ts";`],
      ["gateway/routes/a.ts", `import { x } from "../app.ts";`],
      ["services/users/a.ts", `import { x } from "../orders/schema.ts";`],
      ["services/users/a.ts", `export * from "../../gateway/b.ts";`],
      ["services/users/store.ts", `import { x } from "./main.ts";`],
      ["lb/a.ts", `import { x } from "../stack/stack.ts";`],
      ["lb/a.ts", `const { x } = await import("../stack/stack.ts");`],
      ["stack/a.ts", `import { x } from "../lab/b.ts";`],
      ["stack/a.ts", `export { x } from "../scripts/cli.ts";`],
      ["stack/a.ts", `import { userSchema } from "../services/users/schema.ts";`], // not type-only
      ["stack/a.ts", `import { type A, b } from "../services/users/schema.ts";`],
      ["lab/a.ts", `import type { User } from "../services/users/store.ts";`], // not the schema
      ["lab/a.ts", `import { x } from "../gateway/app.ts";`],
      ["kit/a.ts", `import { x } from "../testing/requires.ts";`],
      ["kit/a.ts", `import { x } from "./b_test.ts";`],
    ] as const
  ) assert.deepEqual(broken(path, source), ["directions"], `${path}: ${source}`);
});

Deno.test("directions allows what points forward, packages, tests and types of schemas", () => {
  for (
    const [path, source] of [
      ["kit/a.ts", `import { x } from "./problem.ts"; import { z } from "zod";`],
      ["gateway/main.ts", `import { x } from "./app.ts"; import { y } from "../kit/log.ts";`],
      ["gateway/app.ts", `import { x } from "./routes/count.ts";`],
      ["services/users/main.ts", `import { x } from "./app.ts";`],
      ["stack/a.ts", `import { x } from "../lb/front.ts"; import { y } from "../kit/clock.ts";`],
      ["scripts/up.ts", `import { x } from "../stack/stack.ts"; import { y } from "../lab/b.ts";`],
      ["lab/a.ts", `import type { User } from "../services/users/schema.ts";`],
      ["lab/a.ts", `import { type User } from "../services/users/schema.ts";`],
      ["kit/a_test.ts", `import { x } from "../gateway/app.ts";`],
      ["testing/a.ts", `import { x } from "../gateway/app.ts";`],
    ] as const
  ) assert.deepEqual(broken(path, source), [], `${path}: ${source}`);
});

Deno.test("runtime-apis reports what only one runtime has outside kit/runtime", () => {
  for (
    const [path, source] of [
      ["kit/a.ts", `Deno.serve(() => new Response());`],
      ["kit/a.ts", `let server: Deno.HttpServer;`],
      ["kit/a.ts", `const isDeno = globalThis.Deno !== undefined;`],
      ["gateway/a.ts", `import { createServer } from "node:http";`],
      ["services/users/main.ts", `import { serve } from "@hono/node-server";`],
      ["services/users/main.ts", `const c = await import("node:cluster");`],
      ["lb/a.ts", `new Deno.Command("nginx");`],
    ] as const
  ) assert.deepEqual(broken(path, source), ["runtime-apis"], `${path}: ${source}`);
  for (
    const [path, source] of [
      ["kit/runtime/deno.ts", `Deno.serve(() => new Response());`],
      ["kit/runtime/node.ts", `import { serve } from "@hono/node-server";`],
      ["stack/a.ts", `new Deno.Command("nginx"); import net from "node:net";`],
      ["kit/a_test.ts", `Deno.test("x", () => {});`],
      ["kit/a.ts", `import { Worker } from "node:worker_threads"; const Dinosaur = { a: 1 }.a;`],
    ] as const
  ) assert.deepEqual(broken(path, source), [], `${path}: ${source}`);
});

Deno.test("environment reports reading it outside main.ts", () => {
  for (
    const [path, source, rules] of [
      ["kit/a.ts", `const port = process.env.PORT;`, ["environment"]],
      ["kit/runtime/deno.ts", `Deno.env.get("PORT");`, ["environment"]],
      ["gateway/app.ts", `import { env } from "node:process";`, ["environment"]],
      ["gateway/app.ts", `import { pid } from "node:process";`, []],
      ["gateway/main.ts", `run({ env: process.env });`, []],
      ["stack/a.ts", `Deno.env.get("PATH");`, []],
      ["kit/a.ts", `const { env } = options; env.PORT; context.process.environment;`, []],
    ] as const
  ) assert.deepEqual(broken(path, source), rules, `${path}: ${source}`);
});
