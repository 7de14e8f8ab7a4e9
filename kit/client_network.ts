/**
 * Who counts as one client when requests are limited.
 *
 * @module
 */

/**
 * The network that stands for the client at `address`: an IPv4 address itself, but the /64 of an IPv6
 * address, because whoever has one has the other 2^64 as well.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(clientNetwork("192.0.2.7"), "192.0.2.7");
 * assert.equal(clientNetwork("2001:db8::7"), "2001:db8:0:0::/64");
 * ```
 */
export function clientNetwork(address: string): string {
  const text = address.startsWith("::ffff:") ? address.slice(7) : address;
  if (!text.includes(":")) return text;
  const [head = "", tail] = (text.split("%")[0] ?? "").toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  // The groups that `::` stands for; a dotted quad at the end takes the room of two.
  const missing = 8 - left.length - right.length - (text.includes(".") ? 1 : 0);
  const groups = [...left, ...Array<string>(tail === undefined ? 0 : missing).fill("0"), ...right];
  return groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":") + "::/64";
}
