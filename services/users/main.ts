/**
 * Runs the users service.
 *
 * @module
 */
import process from "node:process";
import { runInstance } from "../../kit/runtime/run.ts";
import { openStore, storeSettingsSchema } from "../../kit/store/open_store.ts";
import { createUsersApp } from "./app.ts";
import { seedUsers, userKind } from "./store.ts";

await runInstance({
  service: "users",
  env: process.env,
  config: storeSettingsSchema,
  async create(context, settings) {
    const { store, close } = await openStore({
      context,
      settings,
      kind: userKind,
      seed: seedUsers,
    });
    return { fetch: createUsersApp({ context, store }).fetch, close };
  },
});
