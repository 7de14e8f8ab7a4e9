import assert from "node:assert/strict";
import { denoArgs, nodeArgs, nodeEnvironment } from "./command.ts";

const dockerfile = Deno.readTextFileSync(new URL("../../Dockerfile", import.meta.url));

/** The ENTRYPOINT of a stage. */
function entrypoint(stage: string): string[] {
  const [, text = ""] = dockerfile.split(new RegExp(`^FROM .* AS ${stage}$`, "m"));
  return JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)?.[1] ?? "[]");
}

Deno.test("denoArgs() are those of the image, but for the network of a container", () => {
  const read = ["/app", "/run/secrets", "/run/stack"];
  const expected = denoArgs({ read }).map((arg) =>
    arg.startsWith("--allow-net=") ? "--allow-net" : arg
  );
  assert.deepEqual(entrypoint("deno"), ["/bin/deno", ...expected]);
});

Deno.test("nodeArgs() and nodeEnvironment() are those of the image, but for the cache", () => {
  assert.deepEqual(entrypoint("node"), ["node", ...nodeArgs()]);
  const { NODE_COMPILE_CACHE: _, ...rest } = nodeEnvironment("/nowhere");
  for (const [name, value] of Object.entries(rest)) {
    assert.match(dockerfile, new RegExp(`^ENV .*\\b${name}=${value}\\b`, "m"));
  }
});
