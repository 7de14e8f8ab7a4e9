/**
 * Runs the payments service.
 *
 * @module
 */
import process from "node:process";
import { runService } from "../../kit/run_service.ts";
import { createPaymentsApp } from "./app.ts";
import { paymentEvents } from "./events.ts";
import { paymentKind, seedPayments } from "./store.ts";

await runService({
  env: process.env,
  kind: paymentKind,
  seed: seedPayments,
  createApp: createPaymentsApp,
  events: paymentEvents,
});
