/**
 * Runs the orders service.
 *
 * @module
 */
import process from "node:process";
import { runInstance } from "../../kit/runtime/run.ts";
import { openStore, storeSettingsSchema } from "../../kit/store/open_store.ts";
import { createOrdersApp } from "./app.ts";
import { orderKind, seedOrders } from "./store.ts";

await runInstance({
  service: "orders",
  env: process.env,
  config: storeSettingsSchema,
  async create(context, settings) {
    const { store, close } = await openStore({
      context,
      settings,
      kind: orderKind,
      seed: seedOrders,
    });
    return { fetch: createOrdersApp({ context, store }).fetch, close };
  },
});
