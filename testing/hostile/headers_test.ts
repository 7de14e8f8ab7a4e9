import { strictEqual } from "node:assert/strict";
import { frontSchema } from "../../lb/front.ts";
import { startInstanceProcess } from "../instance_process.ts";
import { rawRequest, sendRaw } from "../raw_http.ts";
import { requires } from "../requires.ts";

for (const runtime of ["deno", "node"] as const) {
  Deno.test({
    name: `an instance on ${runtime} takes the largest header that a front lets through`,
    ...(runtime === "node" ? requires("node") : requires()),
    fn: async () => {
      const { maxHeaderBytes } = frontSchema.parse({
        kind: "nginx",
        policy: "round-robin",
        port: 1,
        upstreams: [{ id: "gateway-1", address: "127.0.0.1:1" }],
      });
      const env = { PORT: "0", STORE: "memory" };
      await using instance = startInstanceProcess({ runtime, main: "gateway/main.ts", env });
      const port = Number(new URL(await instance.url()).port);
      // Two lines of half the size, and a kilobyte for what the front adds.
      const head = ["a", "b"].map((name) => `x-${name}: ${name.repeat(maxHeaderBytes / 2)}`);
      const added = `x-forwarded-for: ${"9".repeat(1_000)}`;
      const answer = await sendRaw(port, rawRequest("GET", "/api/count", [...head, added]));
      strictEqual(answer.status, 200, answer.text.slice(0, 200));
    },
  });
}
