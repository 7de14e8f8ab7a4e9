/**
 * The thread behind the heartbeat port.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { collectGarbage } from "./garbage.ts";
import { serveHealth } from "./health_server.ts";

const { port } = await serveHealth(workerData);
collectGarbage();
parentPort?.postMessage(port);
