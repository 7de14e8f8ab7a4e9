/**
 * Many clients on one machine: addresses of the loopback network 127.0.0.0/8, each in another /24, so that balancers
 * that look at the client's address (or at three octets of it) see different clients.
 *
 * @module
 */

/** A prime, so that no round of clients lines up with a round of replicas. */
const COUNT = 47;

/** Addresses to send from. Linux accepts all of them without set-up. */
export const clientAddresses: readonly string[] = Array.from(
  { length: COUNT },
  (_, i) => `127.${20 + (i * 37) % 200}.${(i * 101) % 250}.${1 + (i * 53) % 250}`,
);
