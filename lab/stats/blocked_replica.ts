/**
 * What round-robin must do to requests when one of N replicas is blocked for a while: the theory that `cpu-block` is
 * held against. Every N-th request reaches the blocked replica and waits for the rest of the block, a time uniform on
 * (0, B). Requests elsewhere are not delayed.
 *
 * @module
 */

/** One block in a run of open-loop load. */
export interface Block {
  replicas: number;
  /** Length of one block. */
  blockMs: number;
  /** Length of the run. */
  runMs: number;
  /** Blocks in the run that do not overlap. @default 1 */
  blocks?: number;
}

/** phi = B / (N T): the share of all requests that the block delays. */
export function delayedShare(block: Block): number {
  const { replicas, blockMs, runMs, blocks = 1 } = block;
  return blocks * blockMs / (replicas * runMs);
}

/** The share that is delayed by more than `thresholdMs`: those that came early enough in the block. */
export function delayedShareAbove(block: Block, thresholdMs: number): number {
  return delayedShare(block) * Math.max(0, 1 - thresholdMs / block.blockMs);
}

/** Latency that the block adds to the mean of all requests: phi B / 2. */
export function addedMeanMs(block: Block): number {
  return delayedShare(block) * block.blockMs / 2;
}

/** The p-quantile of the added latency: B (1 - (1 - p) / phi) above p = 1 - phi, else 0. */
export function addedQuantileMs(block: Block, p: number): number {
  const phi = delayedShare(block);
  return p > 1 - phi ? block.blockMs * (1 - (1 - p) / phi) : 0;
}
