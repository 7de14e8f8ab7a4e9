/**
 * Cautions about a whole run: what kind it is, and the machine and checkout that it was made on.
 *
 * @module
 */
import { LEFT_OUT } from "./left_out.ts";
import type { Run, Warning } from "./results.ts";

/** Load average a core above which the machine is called busy. */
const BUSY_LOAD = 0.5;

/** What the reader of a run must know before anything else. */
export function runWarnings(
  environment: Run["environment"],
  { quick, handicapUs }: { quick: boolean; handicapUs: number },
): Warning[] {
  const { host: { cores }, loadAverage: [load = 0] } = environment;
  const warnings: Warning[] = [];
  if (quick) {
    const message = "A quick run: shorter phases, wide intervals; what it left out is said of each";
    warnings.push({ code: LEFT_OUT, message, severity: "caution" });
  }
  if (load > BUSY_LOAD * cores) {
    const message = `The machine was busy before the run: load ${
      load.toFixed(2)
    } on ${cores} cores`;
    warnings.push({ code: "busy-machine", message, severity: "caution" });
  }
  if (environment.dirty) {
    const message = "The checkout had changes that are in no commit";
    warnings.push({ code: "dirty-checkout", message, severity: "caution" });
  }
  if (handicapUs > 0) {
    const message = `The gateway burnt ${handicapUs} µs for each request, on purpose (--handicap)`;
    warnings.push({ code: "handicap", message, severity: "caution" });
  }
  return warnings;
}
