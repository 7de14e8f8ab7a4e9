/**
 * Many clients on one machine: addresses of the loopback network 127.0.0.0/8, each in another /24, so that balancers
 * that look at the client's address (or at three octets of it) see different clients. Which replica a client is sent to
 * is chance: with other clients in every trial, that chance is in the scatter of the trials, and so in the intervals.
 *
 * @module
 */
import type { Random } from "../stats/random.ts";

/** Clients of a trial: a prime, so that no round of clients lines up with a round of replicas. */
export const CLIENTS = 47;

/** Draws addresses to send from. Linux accepts all of them without set-up. */
export function drawClientAddresses(random: Random): string[] {
  const below = (limit: number) => Math.floor(limit * random());
  const networks = new Set<string>();
  while (networks.size < CLIENTS) networks.add(`127.${20 + below(200)}.${below(250)}`);
  return [...networks].map((network) => `${network}.${1 + below(250)}`);
}
