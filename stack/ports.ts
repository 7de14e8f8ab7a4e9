/**
 * Free ports for instances. They are taken from below the range that the kernel uses for outgoing
 * connections: an instance that crashes under load must find its own port free again, and not as the
 * source port of somebody's request.
 *
 * @module
 */
import { StackError } from "./stack.ts";

const LOWEST = 10_000;

/**
 * Finds `count` different ports that nothing listens on now.
 *
 * @throws {Error} when there are not enough
 */
export function findFreePorts(count: number, random: () => number = Math.random): number[] {
  const highest = lowestEphemeralPort() - 1;
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 100 * count) {
      throw new Error(`Cannot find free ports: ${count} must be free, received "${found.size}"`);
    }
    const port = LOWEST + Math.floor(random() * (highest - LOWEST + 1));
    if (isPortFree(port)) found.add(port);
  }
  return [...found];
}

/** Whether nothing listens on a port of 127.0.0.1, also nothing that shares ports (SO_REUSEPORT). */
export function isPortFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/**
 * Lets a front have the port that it was asked to listen on; 0 is always free.
 *
 * @throws {StackError} when something listens there
 */
export function requireFreePort(port: number): void {
  if (port === 0 || isPortFree(port)) return;
  const rule = "the port must be free (choose another with --port)";
  throw new StackError(`Cannot start the stack: ${rule}, received "${port}"`);
}

function lowestEphemeralPort(): number {
  try {
    const range = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range");
    return Math.max(LOWEST + 1_000, parseInt(range));
  } catch {
    return 32_768; // no such file: not Linux's default range, but every system leaves these alone
  }
}
