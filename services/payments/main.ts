/**
 * Runs the payments service.
 *
 * @module
 */
import process from "node:process";
import { runInstance } from "../../kit/runtime/run.ts";
import { openStore, storeSettingsSchema } from "../../kit/store/open_store.ts";
import { createPaymentsApp } from "./app.ts";
import { paymentKind, seedPayments } from "./store.ts";

await runInstance({
  service: "payments",
  env: process.env,
  config: storeSettingsSchema,
  async create(context, settings) {
    const { store, close } = await openStore({
      context,
      settings,
      kind: paymentKind,
      seed: seedPayments,
    });
    return { fetch: createPaymentsApp({ context, store }).fetch, close };
  },
});
