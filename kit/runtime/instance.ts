/**
 * One event loop of one instance: builds its context, serves, and drains.
 *
 * @module
 */
import type { z } from "zod";
import { createAccessLog } from "../access_log.ts";
import { systemClock } from "../clock.ts";
import { EventLoopMonitor } from "../event_loop_monitor.ts";
import type { InstanceContext } from "../instance_app.ts";
import { beat } from "../heartbeat.ts";
import { Lifecycle } from "../lifecycle.ts";
import type { LineBuffer, Logger } from "../log.ts";
import { Metrics } from "../metrics.ts";
import { type Environment, type InstanceSettings, parseEnvironment } from "./env.ts";
import { collectGarbage } from "./garbage.ts";
import { loadServe, runtime } from "./serve.ts";
import type { Fetch, HttpServer } from "./server.ts";

/** What a service gives to be run. */
export interface Application {
  fetch: Fetch;
  /** Lets go of connections and timers; called after the last response. */
  close?(): Promise<void> | void;
}

/** What {@linkcode startInstance} and `runInstance` are told. */
export interface InstanceOptions<Config> {
  /** Name of the service; also the start of a generated instance id. */
  service: string;
  /** The process's environment: `process.env`, read in `main.ts` only. */
  env: Environment;
  /** What this service reads from the environment beyond what every instance does. */
  config: z.ZodType<Config>;
  /** Builds the application; what it throws ends the instance with exit code 1. */
  create(context: InstanceContext, config: Config): Application | Promise<Application>;
}

/** An instance that listens. */
export interface RunningInstance {
  readonly port: number;
  /**
   * Goes out of readiness at once, keeps serving what comes until it is quiet, closes the port and
   * finishes what is in flight.
   *
   * @returns `false` when the drain timeout cut it short
   */
  drain(): Promise<boolean>;
}

/** Share of the drain timeout for which new requests are waited for, at most. */
const LINGER_SHARE = 0.5;
/** Time that an application gets to let go of its connections. */
const CLOSE_TIMEOUT_MS = 1_000;

/** What {@linkcode startInstance} needs besides. */
export interface StartOptions {
  /** `x-instance-id`. */
  id: string;
  port: number;
  reusePort: boolean;
  settings: InstanceSettings;
  log: Logger;
  /** Where the access log goes. */
  buffer: LineBuffer;
  /** Where this event loop shows that it lives. */
  heartbeat: SharedArrayBuffer;
}

/** Builds and starts one event loop's worth of instance. */
export async function startInstance<Config>(
  options: InstanceOptions<Config>,
  start: StartOptions,
): Promise<RunningInstance> {
  const { id, port, reusePort, settings, log, buffer, heartbeat } = start;
  const { service, env, config, create } = options;
  const clock = systemClock;
  const lifecycle = new Lifecycle({ clock });
  const monitor = new EventLoopMonitor({ clock, log });
  const metrics = new Metrics({ instance: id, service, runtime });
  metrics.counter("log_lines_dropped_total", "Log lines that nobody read in time", () => {
    return buffer.dropped;
  });
  // Its lines are of level info.
  const logsAccess = settings.LOG_LEVEL === "info" || settings.LOG_LEVEL === "debug";
  const accessLog = logsAccess
    ? { accessLog: createAccessLog({ instance: id, buffer, clock }) }
    : {};
  const showLife = () => beat(heartbeat, lifecycle.state.kind, clock.wallNow());
  monitor.onSample(showLife);
  const sampling = monitor.start();
  const application = await create(
    { id, service, runtime, clock, log, metrics, monitor, lifecycle, ...accessLog },
    parseEnvironment(config, env),
  );
  let handle = application.fetch;
  const serve = await loadServe();
  const server: HttpServer = await serve({
    host: settings.HOST,
    port,
    reusePort,
    // One indirection, so that draining costs nothing until it begins.
    fetch: (request, peer) => handle(request, peer),
  });
  collectGarbage();
  lifecycle.markReady();
  showLife();

  return {
    port: server.port,
    async drain() {
      const timeoutMs = settings.DRAIN_TIMEOUT_MS;
      handle = closingConnections(application.fetch);
      log.info("draining", { inFlight: lifecycle.inFlight, timeoutMs });
      const endMs = clock.now() + timeoutMs;
      const quiet = lifecycle.drain(timeoutMs * LINGER_SHARE);
      showLife();
      await quiet;
      const done = new AbortController();
      const finished = await Promise.race([
        server.shutdown().then(() => true),
        clock.sleep(Math.max(0, endMs - clock.now()), done.signal).then(() => false, () => false),
      ]);
      done.abort();
      sampling[Symbol.dispose]();
      lifecycle.close();
      // What does not let go in time is let go by the end of the process.
      await Promise.race([application.close?.(), clock.sleep(CLOSE_TIMEOUT_MS)]);
      return finished;
    },
  };
}

/** Tells whoever keeps a connection open not to send the next request on it: the port will close. */
function closingConnections(fetch: Fetch): Fetch {
  return async (request, peer) => {
    const response = await fetch(request, peer);
    try {
      response.headers.set("connection", "close");
      return response;
    } catch {
      // Headers of a response that came from `fetch` cannot be changed.
      const headers = new Headers(response.headers);
      headers.set("connection", "close");
      return new Response(response.body, { status: response.status, headers });
    }
  };
}
