import { deepStrictEqual, throws } from "node:assert/strict";
import { frontSchema } from "./front.ts";

const VALID = {
  kind: "nginx",
  policy: "round-robin",
  port: 8080,
  upstreams: [{ id: "gateway-1", address: "127.0.0.1:3000" }],
};

Deno.test("frontSchema fills in what is not said", () => {
  const front = frontSchema.parse(VALID);
  deepStrictEqual(front.trustedProxies, []);
  deepStrictEqual(front.activeCheck, { intervalMs: 250, timeoutMs: 500 });
});

const invalid: Record<string, object> = {
  "kind": { kind: "haproxy" },
  "policy": { policy: "random" },
  "port 0": { port: 0 },
  "no replica": { upstreams: [] },
  // Everything that ends up in a configuration file must not be able to end a line or a block of it.
  "address with a semicolon": { upstreams: [{ id: "a", address: "127.0.0.1:1; }" }] },
  "id with a newline": { upstreams: [{ id: "a\nuser root", address: "127.0.0.1:1" }] },
  "front id with a brace": { id: "front}" },
  "host with a space": { host: "127.0.0.1 default_server" },
  "trusted proxy that is no range": { trustedProxies: ["10.0.0.1"] },
  "trusted proxy with a semicolon": { trustedProxies: ["10.0.0.0/8; deny all"] },
  "resolver with a newline": { upstreams: { name: "gateway:3000", resolver: "127.0.0.11\n" } },
  "ejection of half a second (nginx counts in seconds)": { ejectMs: 500 },
  "header smaller than its first line": { maxHeaderBytes: 100, maxUriBytes: 200 },
  "unknown member": { timeout: 1 },
};
for (const [name, change] of Object.entries(invalid)) {
  Deno.test(`frontSchema refuses: ${name}`, () => {
    throws(() => frontSchema.parse({ ...VALID, ...change }));
  });
}
