/**
 * The whole life of an instance's process: environment in, exit code out. `main.ts` of the gateway and
 * of each service is one call of {@linkcode runInstance}.
 *
 * Exit codes: 0 after a drain, 1 after a failure, a cut drain or a second signal, 2 when the environment
 * is wrong.
 *
 * @module
 */
import process from "node:process";
import { createHeartbeatBuffer } from "../heartbeat.ts";
import { createLogger, LineBuffer, type Logger } from "../log.ts";
import { environmentIssues, instanceSettingsSchema, parseEnvironment } from "./env.ts";
import { serveHealth, startHealthThread } from "./health_server.ts";
import { type InstanceOptions, type RunningInstance, startInstance } from "./instance.ts";
import { runtime } from "./serve.ts";
import { createStdout } from "./stdout.ts";
import { startWorkers, workerRole, workInThread } from "./workers.ts";

/** Runs one instance until a signal ends it; resolves when it listens. */
export async function runInstance<Config>(options: InstanceOptions<Config>): Promise<void> {
  const { service, env, config } = options;
  const role = workerRole();
  const id = role?.id ?? (env.INSTANCE_ID || `${service}-${ownSuffix(env.HOSTNAME)}`);
  const buffer = new LineBuffer({ output: createStdout() });
  let log = createLogger({ instance: id, buffer });
  const exit = (code: number): void => void buffer.close().then(() => process.exit(code));
  const issues = environmentIssues([instanceSettingsSchema, config], env);
  if (issues.length > 0) {
    log.error(`Cannot read environment: ${issues.join("; ")}`, { service });
    return exit(2);
  }
  const settings = parseEnvironment(instanceSettingsSchema, env);
  log = createLogger({ instance: id, level: settings.LOG_LEVEL, buffer });
  const start = (port: number, reusePort: boolean, heartbeat: SharedArrayBuffer) =>
    startInstance(options, { id, port, reusePort, settings, log, buffer, heartbeat });

  if (role) return await workInThread(() => start(role.port, true, role.heartbeat));

  let instance: RunningInstance | undefined;
  exitOnUncaught(log, exit);
  drainOnSignal(log, exit, () => instance ? instance.drain() : Promise.resolve(true));
  try {
    const { HOST: host, PORT, HEALTH_PORT, WORKERS: workers } = settings;
    const loops = Array.from({ length: workers }, createHeartbeatBuffer);
    const health = { id, host, port: HEALTH_PORT ?? 0, loops };
    let healthPort: number | undefined;
    if (workers > 1) {
      // This loop serves nothing else, so it can tell how the others are.
      if (HEALTH_PORT !== undefined) healthPort = (await serveHealth(health)).port;
      instance = await startWorkers({ id, settings, log, loops });
    } else {
      if (HEALTH_PORT !== undefined) healthPort = await startHealthThread(health);
      instance = await start(PORT, false, loops[0] as SharedArrayBuffer);
    }
    const { port } = instance;
    log.info("listening", { port, host, service, runtime, workers, healthPort });
  } catch (error) {
    log.error(`Cannot start ${service}`, { error });
    exit(1);
  }
}

type Exit = (code: number) => void;

function drainOnSignal(log: Logger, exit: Exit, drain: () => Promise<boolean>): void {
  let signals = 0;
  const onSignal = async (signal: string) => {
    log.info("signal received", { signal });
    if (++signals > 1) return exit(1);
    try {
      const finished = await drain();
      log.info(finished ? "drained" : "drain cut short");
      exit(finished ? 0 : 1);
    } catch (error) {
      log.error("Cannot drain", { error });
      exit(1);
    }
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

/** After an error that nobody caught the state is unknown: say why, and let the supervisor restart. */
function exitOnUncaught(log: Logger, exit: Exit): void {
  const onError = (msg: string) => (error: unknown) => {
    log.error(msg, { error });
    exit(1);
  };
  process.on("uncaughtException", onError("uncaught error"));
  process.on("unhandledRejection", onError("unhandled rejection"));
}

/** What tells replicas apart: the id that Docker gives a container as its host name, else chance. */
function ownSuffix(hostname = ""): string {
  return /^[0-9a-f]{12}$/.test(hostname) ? hostname : crypto.randomUUID().slice(0, 8);
}
