/**
 * Whom a request comes from. `X-Forwarded-*` is what anybody can write, so it is believed only when the
 * other end of the connection is a front of ours, and then only what that front wrote itself: the last
 * entry. The rest is the front's own decision.
 *
 * @module
 */
import { convertIPv4ToBinary, convertIPv6ToBinary, distinctRemoteAddr } from "hono/utils/ipaddr";
import type { HeaderFields } from "./upstream/headers.ts";

/** Networks in which our own front runs, unless told otherwise: this machine and private networks. */
export const PRIVATE_NETWORKS = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
] as const;

/** Where a request came from. */
export interface Origin {
  /** Address of the client. */
  address: string;
  /** What the client spoke to the front. */
  protocol: "http" | "https";
}

/** Tells the origin of a request with these headers whose connection comes from `peerAddress`. */
export type FindOrigin = (headers: Headers, peerAddress: string | undefined) => Origin;

/**
 * Makes a {@linkcode FindOrigin} that believes peers in `trusted` (CIDR ranges).
 *
 * @throws {TypeError} when a range is not CIDR
 */
export function createFindOrigin(trusted: readonly string[] = PRIVATE_NETWORKS): FindOrigin {
  const ranges = trusted.map(parseRange);
  // Nearly every request comes from the same front.
  let lastPeer = "";
  let lastTrusted = false;
  function isTrusted(text: string): boolean {
    if (text !== lastPeer) {
      const address = parseAddress(text);
      lastPeer = text;
      lastTrusted = address !== undefined && ranges.some((range) => contains(range, address));
    }
    return lastTrusted;
  }

  return function findOrigin(headers, peerAddress = "") {
    const peer = peerAddress.startsWith("::ffff:") ? peerAddress.slice(7) : peerAddress;
    if (!isTrusted(peer)) return { address: peer, protocol: "http" };
    const written = last(headers.get("x-forwarded-for"));
    return {
      address: written !== "" && isAddress(written) ? written : peer,
      protocol: last(headers.get("x-forwarded-proto")) === "https" ? "https" : "http",
    };
  };
}

/**
 * Sets the fields that tell the next hop where a request came from: its address, and its protocol if that
 * was https. Not the host: the services make no absolute URLs, and each field costs.
 */
export function setForwarded(fields: HeaderFields, origin: Origin): void {
  const { address, protocol } = origin;
  if (address !== "") fields["x-forwarded-for"] = address;
  if (protocol === "https") fields["x-forwarded-proto"] = protocol;
}

interface Address {
  readonly width: 32 | 128;
  readonly value: bigint;
}

interface Range extends Address {
  /** Bits after the prefix. */
  readonly hostBits: bigint;
}

function parseRange(text: string): Range {
  const [base = "", bits = ""] = text.split("/");
  const address = parseAddress(base);
  if (address === undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > address.width) {
    throw new TypeError(`Cannot trust proxies: a CIDR range must be given, received "${text}"`);
  }
  return { ...address, hostBits: BigInt(address.width - Number(bits)) };
}

function contains({ width, value, hostBits }: Range, address: Address): boolean {
  return width === address.width && value >> hostBits === address.value >> hostBits;
}

/** Hot path: an IPv4 address need not be parsed to be known. */
function isAddress(text: string): boolean {
  return distinctRemoteAddr(text) === "IPv4" || parseAddress(text) !== undefined;
}

function parseAddress(text: string): Address | undefined {
  try {
    const kind = distinctRemoteAddr(text);
    if (kind === "IPv4") return { width: 32, value: convertIPv4ToBinary(text) };
    if (kind === "IPv6") return { width: 128, value: convertIPv6ToBinary(text) };
  } catch {
    // Not an address.
  }
  return undefined;
}

function last(list: string | null): string {
  return list === null ? "" : list.slice(list.lastIndexOf(",") + 1).trim();
}
