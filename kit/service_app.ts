/**
 * The app of a service: an instance that honours its caller's deadline and can be told to fail.
 *
 * @module
 */
import type { Hono } from "hono";
import { honourDeadline } from "./deadline.ts";
import type { Faults } from "./faults.ts";
import { createInstanceApp, type InstanceContext, type InstanceEnv } from "./instance_app.ts";

/** Options of {@linkcode createServiceApp}. */
export interface ServiceAppOptions {
  context: InstanceContext;
  /** Absent unless faults are allowed. */
  faults?: Faults | undefined;
}

/** Makes the app of a service; `define` adds its routes. */
export function createServiceApp(
  options: ServiceAppOptions,
  define: (app: Hono<InstanceEnv>) => void,
): Hono<InstanceEnv> {
  const { context, faults } = options;
  return createInstanceApp(context, (app) => {
    app.use(honourDeadline(context.clock));
    faults?.mount(app);
    define(app);
  });
}
