/**
 * Runs the users service.
 *
 * @module
 */
import process from "node:process";
import { runService } from "../../kit/run_service.ts";
import { createUsersApp } from "./app.ts";
import { seedUsers, userKind } from "./store.ts";

await runService({
  env: process.env,
  kind: userKind,
  seed: seedUsers,
  createApp: createUsersApp,
});
