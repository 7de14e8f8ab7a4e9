import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { startStaleFront } from "./stale_front.ts";

Deno.test({
  name: "startStaleFront() makes the first request wait one connect timeout for each dead address",
  ...requires("nginx"),
  fn: async () => {
    const replica = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("ok"),
    );
    try {
      const live = `127.0.0.1:${replica.addr.port}`;
      await using front = await startStaleFront({ live, dead: 2, connectTimeoutMs: 300 });
      const timed = async () => {
        const startMs = performance.now();
        const response = await fetch(`${front.url}/api/users`);
        await response.body?.cancel();
        assert.equal(response.status, 200);
        return performance.now() - startMs;
      };
      const first = await timed();
      // A slow machine can only make it longer.
      assert.ok(first >= 590, `the first request took ${first} ms`);
      // The front has noticed: the next does not wait.
      assert.ok(await timed() < first / 2);
    } finally {
      await replica.shutdown();
    }
  },
});
