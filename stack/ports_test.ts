import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { findFreePorts, isPortFree } from "./ports.ts";

Deno.test({
  name: "findFreePorts() leaves taken ports and the range of outgoing connections alone",
  ...requires(),
  fn() {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: findFreePorts(1)[0] ?? 0 });
    const { port } = taken.addr;
    assert.equal(isPortFree(port), false);
    const ephemeral = parseInt(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range"));
    // Random numbers that hit the taken port again and again before another.
    const at = (port - 10_000) / (ephemeral - 10_000) + 1e-9;
    const sequence = [at, at, at, 0.9999, 0, 0.5, 0.25, 0.75];
    const [found = 0] = findFreePorts(1, () => sequence.shift() ?? 0.1);
    assert.notEqual(found, port);
    assert.ok(found >= 10_000 && found < ephemeral, `${found}`);
    assert.equal(new Set(findFreePorts(20)).size, 20);
  },
});

Deno.test({
  name: "isPortFree() sees a listener that shares its port",
  ...requires(),
  fn() {
    const [port = 0] = findFreePorts(1);
    using _sharing = Deno.listen({ hostname: "127.0.0.1", port, reusePort: true });
    assert.equal(isPortFree(port), false);
  },
});

Deno.test({
  name: "findFreePorts() gives up when there are none",
  ...requires(),
  fn() {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    assert.ok(taken.addr.port > 0);
    assert.throws(() => findFreePorts(2, () => 0.5), {
      message: /^Cannot find free ports: 2 must be free, received "[01]"$/,
    });
  },
});
