import assert from "node:assert/strict";
import { fakeContainer } from "../../testing/container.ts";
import { requires } from "../../testing/requires.ts";
import { stackOptionsSchema } from "../stack.ts";
import { imageOf, versionOf } from "./front_container.ts";
import { instanceIdOf, overrideOf, placeOf } from "./project.ts";
import { labelsOf, projectName } from "./sweep.ts";

const FOLDERS = { shared: "/state/shared", redis: "/state/redis" };

/** Services of the override as plain records. */
function servicesFor(options: Record<string, unknown>) {
  const { services } = overrideOf(stackOptionsSchema.parse(options), FOLDERS);
  return services as Record<string, { environment: Record<string, string>; cpus?: number }>;
}

Deno.test({
  name: "overrideOf() gives the levers to the containers that they are for",
  ...requires(),
  fn() {
    const services = servicesFor({
      workers: 2,
      faults: true,
      cpus: 0.25,
      store: "memory",
      gatewayEnv: { SHEDDING: "off" },
    });
    assert.equal(services.gateway?.cpus, 0.25);
    assert.equal(services.gateway?.environment.WORKERS, "2");
    assert.equal(services.gateway?.environment.SHEDDING, "off");
    assert.equal(services.gateway?.environment.FAULTS, undefined);
    for (const name of ["users", "orders", "payments"]) {
      assert.deepEqual(services[name]?.environment, { STORE: "memory", FAULTS: "1" }, name);
      assert.equal(services[name]?.cpus, undefined, name);
    }
    assert.equal("cpus" in (servicesFor({}).gateway ?? {}), false);
  },
});

Deno.test("instanceIdOf() is the id that the instance gives itself in its container", () => {
  const id = "0123456789abcdef0123456789abcdef";
  assert.equal(instanceIdOf(fakeContainer("gateway", id)), "gateway-0123456789ab");
  assert.equal(instanceIdOf(fakeContainer("redis", id)), "redis");
  assert.deepEqual(placeOf(fakeContainer("users", id, "12")), { service: "users", number: 12 });
});

Deno.test("projectName() tells state directories apart and is the same every time", () => {
  assert.equal(projectName("/a/.stack"), projectName("/a/.stack"));
  assert.notEqual(projectName("/a/.stack"), projectName("/b/.stack"));
  assert.match(projectName("/a/.stack"), /^stack-[0-9a-f]{10}$/);
  assert.equal(labelsOf("stack-1").compose, "com.docker.compose.project=stack-1");
});

Deno.test("versionOf() reads the tag of an image", () => {
  assert.equal(versionOf("caddy:2.11-alpine"), "2.11");
  assert.equal(versionOf("registry:5000/nginx:1.31.3"), "1.31.3");
  assert.equal(versionOf("nginx:alpine"), "0");
});

Deno.test({
  name: "imageOf() finds fronts beside compose.yaml that resolve names again and again",
  ...requires(),
  fn() {
    for (const [kind, oldest] of [["nginx", [1, 27]], ["caddy", [2, 11]]] as const) {
      const [major = 0, minor = 0] = versionOf(imageOf(kind)).split(".").map(Number);
      assert.ok(major === oldest[0] && minor >= oldest[1], imageOf(kind));
    }
  },
});
