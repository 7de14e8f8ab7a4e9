import assert from "node:assert/strict";
import { parseEnvironment } from "../kit/runtime/env.ts";
import { LAYERS } from "../kit/upstream.ts";
import { gatewayConfigSchema } from "./config.ts";

Deno.test("gatewayConfigSchema has a default for everything that the gateway needs", () => {
  const config = parseEnvironment(gatewayConfigSchema, {});
  assert.equal(config.UPSTREAM_TIMEOUT_MS, 2_000);
  assert.equal(config.MAX_BODY_BYTES, 1_048_576);
  assert.deepEqual(config.LAYERS_OFF, []);
  assert.equal(config.UPSTREAMS_FILE, undefined);
});

Deno.test("gatewayConfigSchema reads lists", () => {
  const config = parseEnvironment(gatewayConfigSchema, {
    LAYERS_OFF: LAYERS.join(","),
    TRUSTED_PROXIES: "10.0.0.0/8, ::1/128",
  });
  assert.deepEqual(config.LAYERS_OFF, LAYERS);
  assert.deepEqual(config.TRUSTED_PROXIES, ["10.0.0.0/8", "::1/128"]);
});

for (
  const [name, value] of [
    ["HANDICAP_US", "-1"],
    ["LAYERS_OFF", "breakers"],
    ["LAYERS_OFF", "breaker retry"],
    ["UPSTREAM_TIMEOUT_MS", "0"],
    ["UPSTREAM_TIMEOUT_MS", "2s"],
    ["MAX_CONCURRENT", "0"],
    ["HEDGE_AFTER_MS", "-1"],
    ["MAX_BODY_BYTES", "1e6"],
    ["STORE", "disk"],
  ] as const
) {
  Deno.test(`gatewayConfigSchema refuses ${name}=${value}, and says so`, () => {
    assert.throws(() => parseEnvironment(gatewayConfigSchema, { [name]: value }), {
      name: "TypeError",
      message: new RegExp(`^Cannot read environment: ${name} .*received "${value}"`),
    });
  });
}
