/**
 * Runs the orders service.
 *
 * @module
 */
import process from "node:process";
import { runService } from "../../kit/run_service.ts";
import { createOrdersApp } from "./app.ts";
import { orderEvents } from "./events.ts";
import { orderKind, seedOrders } from "./store.ts";

await runService({
  env: process.env,
  kind: orderKind,
  seed: seedOrders,
  createApp: createOrdersApp,
  events: orderEvents,
});
