import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestContext } from "../testing/instance_context.ts";
import { requires } from "../testing/requires.ts";
import { gatewayConfigSchema } from "./config.ts";
import { createUpstreams } from "./upstreams.ts";

type Upstreams = ReturnType<typeof createUpstreams>;

function origins(upstreams: Upstreams): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(upstreams).map(([name, upstream]) =>
      [name, upstream.snapshot().endpoints.map(({ origin }) => origin)] as const
    ),
  );
}

Deno.test("createUpstreams() takes lists from the environment", () => {
  const closers: (() => void)[] = [];
  const config = gatewayConfigSchema.parse({ USERS_URL: "http://a:1,http://b:1" });
  assert.deepEqual(origins(createUpstreams(createTestContext("gateway"), config, closers)), {
    users: ["http://a:1", "http://b:1"],
    orders: ["http://127.0.0.1:3002"],
    payments: ["http://127.0.0.1:3003"],
  });
  closers.forEach((close) => close());
});

Deno.test(
  "createUpstreams() follows a file, and lets go of it in the end",
  requires(),
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "upstreams-"));
    const path = join(directory, "upstreams.json");
    const write = (...users: string[]) => writeFileSync(path, JSON.stringify({ users }));
    try {
      write("http://a:1");
      const context = createTestContext("gateway");
      const closers: (() => void)[] = [];
      const config = gatewayConfigSchema.parse({
        UPSTREAMS_FILE: path,
        USERS_URL: "http://other:1",
      });
      const upstreams = createUpstreams(context, config, closers);
      assert.deepEqual(origins(upstreams), { users: ["http://a:1"], orders: [], payments: [] });
      write("http://a:1", "http://bb:1");
      await context.clock.advance(500);
      assert.deepEqual(origins(upstreams).users, ["http://a:1", "http://bb:1"]);
      closers.forEach((close) => close());
      await context.clock.advance(1_000);
      assert.equal(context.clock.sleeping, 0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
