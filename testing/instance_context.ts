/**
 * The context of an instance for tests of its app: quiet, and with a clock that only a test moves.
 *
 * @module
 */
import { EventLoopMonitor } from "../kit/event_loop_monitor.ts";
import type { InstanceContext } from "../kit/instance_app.ts";
import { Lifecycle } from "../kit/lifecycle.ts";
import { Metrics } from "../kit/metrics.ts";
import { FakeClock } from "./fake_clock.ts";

/** A context whose clock can be moved. */
export interface TestContext extends InstanceContext {
  clock: FakeClock;
}

/** Makes the context of an instance `SERVICE-test` that is ready. */
export function createTestContext(service: string): TestContext {
  const id = `${service}-test`;
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ clock });
  lifecycle.markReady();
  return {
    id,
    service,
    runtime: "deno",
    clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    metrics: new Metrics({ instance: id, service, runtime: "deno" }),
    monitor: new EventLoopMonitor({ clock }),
    lifecycle,
  };
}
