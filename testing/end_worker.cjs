// Preloaded into a gateway by testing/e2e/workers_test.ts (NODE_OPTIONS, with a space after --require: Deno
// takes no equals sign). At SIGUSR2 the worker thread that was started first ends without a word, which no
// request can make it do.
"use strict";
const { isMainThread } = require("node:worker_threads");
if (isMainThread) {
  const workers = [];
  process.on("worker", (worker) => workers.push(worker));
  process.on("SIGUSR2", () => workers.shift()?.terminate());
}
