/**
 * What a check of `deno task verify` is, and what the checks have in common.
 *
 * @module
 */
import type { ServiceName, Stack, StackStatus } from "../../stack/stack.ts";

/** What a check saw. */
export interface Outcome {
  passed: boolean;
  /** One line with the figures that decided. */
  seen: string;
}

/** The system under check. */
export interface CheckContext {
  stack: Stack;
  /** Where the front answers. */
  url: string;
  /** How long the CPU-bound request of the checks 3 and 4 blocks. */
  blockMs: number;
}

/** One of the seven. */
export interface Check {
  title: string;
  /** Replicas of the gateway that it needs. */
  replicas: number;
  run(context: CheckContext): Promise<Outcome>;
}

/** A GET: status, instance, content type and the body as JSON. */
export async function get(url: string): Promise<{
  status: number;
  instance: string | null;
  type: string | null;
  // deno-lint-ignore no-explicit-any -- what the system answers is what is checked
  body: any;
}> {
  const response = await fetch(url, { signal: AbortSignal.timeout(15_000) });
  const text = await response.text();
  const { headers, status } = response;
  return {
    status,
    instance: headers.get("x-instance-id"),
    type: headers.get("content-type"),
    body: text.startsWith("{") ? JSON.parse(text) : text,
  };
}

/** How often each word comes, in order of the words. */
export function tally(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words.toSorted()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** `a 3, b 4`. */
export function describeTally(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([word, count]) => `${word} ${count}`).join(", ");
}

/** How many replicas of `service` there are. */
export function countOf(status: Pick<StackStatus, "instances">, service: ServiceName): number {
  return status.instances.filter((instance) => instance.service === service).length;
}

/** Id of the one payments replica: engines name their instances differently. */
export async function paymentsId(stack: Pick<Stack, "status">): Promise<string> {
  const { instances } = await stack.status();
  const found = instances.find(({ service }) => service === "payments");
  if (!found) throw new TypeError("Cannot verify: the stack must have a payments replica");
  return found.id;
}
