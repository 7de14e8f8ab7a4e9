/**
 * Chooses the server of the runtime that runs us; the other one is not even loaded.
 *
 * @module
 */
import type { Serve } from "./server.ts";

/** What runs us. */
export const runtime: "deno" | "node" = "Deno" in globalThis ? "deno" : "node";

/** The {@linkcode Serve} of this runtime. */
export async function loadServe(): Promise<Serve> {
  return runtime === "deno" ? (await import("./deno.ts")).serve : (await import("./node.ts")).serve;
}
