/**
 * A gateway for tests: no socket, a clock that only a test moves, and services that are one function.
 *
 * @module
 */
import { createGateway } from "../gateway/app.ts";
import { type GatewayConfig, gatewayConfigSchema } from "../gateway/config.ts";
import { type GatewayApp, type GatewayParts, UPSTREAMS } from "../gateway/gateway.ts";
import { LIMITED } from "../gateway/limited.ts";
import { createFindOrigin } from "../kit/forwarded.ts";
import { MemoryCounter } from "../kit/store/counter.ts";
import { MemoryRateLimiter } from "../kit/store/rate_limiter.ts";
import { MemorySessionStore } from "../kit/store/session_store.ts";
import { createUpstream } from "../kit/upstream.ts";
import { fakeSend, type FakeServer } from "./fake_send.ts";
import { createTestContext, type TestContext } from "./instance_context.ts";

/** Options of {@linkcode createTestGateway}. */
export interface TestGatewayOptions extends Partial<GatewayParts> {
  env?: Partial<Record<keyof GatewayConfig, string>>;
}

/** A gateway, and what moves it. */
export interface TestGateway {
  app: GatewayApp;
  context: TestContext;
}

/** Makes a gateway before `services`; `http://users`, `http://orders` and `http://payments` are their origins. */
export function createTestGateway(
  services: FakeServer,
  options: TestGatewayOptions = {},
): TestGateway {
  const { env = {}, ...parts } = options;
  const context = createTestContext("gateway");
  const { clock } = context;
  const send = fakeSend(services);
  const upstreams = Object.fromEntries(
    UPSTREAMS.map((name) => {
      const origins = [`http://${name}`];
      const endpoints = { current: () => origins, [Symbol.dispose]() {} };
      // What survives failures has tests of its own, and pauses on a clock that stands still.
      return [name, createUpstream({ name, endpoints, clock, send, layersOff: ["retry"] })];
    }),
  ) as GatewayParts["upstreams"];
  const app = createGateway({
    context,
    config: gatewayConfigSchema.parse(env),
    upstreams,
    counter: new MemoryCounter(),
    sessionStore: new MemorySessionStore({ clock }),
    limiter: new MemoryRateLimiter(LIMITED),
    cpuPool: { run: ({ ms }) => Promise.resolve({ durationMs: ms }) },
    clock,
    findOrigin: createFindOrigin(),
    ...parts,
  });
  return { app, context };
}
