/**
 * Ends whatever containers a state directory has on the engine, also those that a killed supervisor left.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Container, containersWith, docker } from "./docker.ts";

/** Label of the containers and networks that the engine makes beside Compose's; its value is the project. */
export const STACK_LABEL = "scaling-lab.stack";

/** Projects of several state directories live side by side on one engine. */
export function projectName(stateDir: string): string {
  return `stack-${createHash("sha256").update(stateDir).digest("hex").slice(0, 10)}`;
}

/** The labels of everything that belongs to a project. */
export function labelsOf(project: string): { compose: string; stack: string } {
  return {
    compose: `com.docker.compose.project=${project}`,
    stack: `${STACK_LABEL}=${project}`,
  };
}

/** Where the compose engine keeps its files in a state directory. */
export function composeFolder(stateDir: string): string {
  return `${stateDir}/compose`;
}

/** Whether a compose engine used the directory and did not end in order. */
export function isSweepNeeded(stateDir: string): boolean {
  try {
    return Deno.statSync(`${composeFolder(stateDir)}/override.json`).isFile;
  } catch {
    return false; // never used, or cleaned up
  }
}

/**
 * Removes containers, networks, volumes and volatile files at once, without a drain; safe to repeat. Redis's data
 * stays.
 *
 * @returns the names of the containers that were there
 */
export async function sweepContainers(stateDir: string): Promise<string[]> {
  const labels = Object.values(labelsOf(projectName(stateDir)));
  const found: Container[] = (await Promise.all(labels.map(containersWith))).flat();
  if (found.length > 0) await docker(["rm", "-f", "-v", ...found.map(({ Id }) => Id)]);
  await removeAll("network", labels);
  // Compose makes the one that compose.yaml names, although Redis's data is in the state directory.
  await removeAll("volume", labels);
  const paths = ["front", "shared", "override.json"].map((name) =>
    `${composeFolder(stateDir)}/${name}`
  );
  // What is not there needs no removal.
  await Promise.all(paths.map((path) => Deno.remove(path, { recursive: true }).catch(() => {})));
  return found.map(({ Name }) => Name);
}

async function removeAll(kind: "network" | "volume", labels: readonly string[]): Promise<void> {
  const lists = await Promise.all(
    labels.map((label) => docker([kind, "ls", "-q", `--filter=label=${label}`])),
  );
  const ids = lists.flatMap((text) => text.split("\n")).filter((id) => id !== "");
  if (ids.length > 0) await docker([kind, "rm", ...ids]);
}
