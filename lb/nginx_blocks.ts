/**
 * The parts of an nginx configuration that depend on what a front is told.
 *
 * @module
 */
import type { Discovery, Front } from "./front.ts";
import { duration, SECURE_HEADERS } from "./rules.ts";
import { isAtLeast } from "./version.ts";

/** Inside quotes nginx reads a backslash as an escape. */
export function escape(pattern: string): string {
  return pattern.replaceAll("\\", "\\\\");
}

/** `listen` of the server. */
export function endpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The replicas, how they are chosen and when one is left out. */
export function upstreamBlock(front: Front, policyText: string): string {
  const health = `max_fails=1 fail_timeout=${duration(front.ejectMs)}`;
  const servers = Array.isArray(front.upstreams)
    ? front.upstreams.map(({ id, address }) => `    server ${address} ${health}; # ${id}`)
    : [`    server ${front.upstreams.name} resolve ${health};`];
  return `${resolverLine(front.upstreams)}
  upstream gateway {
    zone gateway 256k;
    ${policyText}
${servers.join("\n")}
    keepalive ${front.keepAliveConnections};
    keepalive_timeout 60s;
    keepalive_requests 100000;
  }
`;
}

function resolverLine(upstreams: Front["upstreams"]): string {
  if (Array.isArray(upstreams)) return "";
  const { resolver } = upstreams as Discovery;
  return `\n  resolver ${resolver} valid=1s ipv6=off; # Docker's own answers would live for 600 s\n`;
}

/** Which scheme the client spoke. */
export function forwardedBlock({ trustedProxies }: Front): string {
  if (trustedProxies.length === 0) {
    return `
  map $scheme $client_scheme {
    default $scheme;
  }
`;
  }
  return `
  geo $realip_remote_addr $peer_is_trusted {
    default 0;
${trustedProxies.map((range) => `    ${range} 1;`).join("\n")}
  }

  map "$peer_is_trusted $http_x_forwarded_proto" $client_scheme {
    "1 http" http;
    "1 https" https;
    default $scheme;
  }
`;
}

/** Whose word on the client's address is taken. */
export function trustBlock({ trustedProxies }: Front): string {
  if (trustedProxies.length === 0) return "";
  return `
${trustedProxies.map((range) => `    set_real_ip_from ${range};`).join("\n")}
    real_ip_header X-Forwarded-For; # its last address: the one that the trusted proxy saw
`;
}

/** How idle connections survive a reload, where nginx can do that. */
export function keepAliveMinimum({ idleTimeoutMs }: Front, version: string): string {
  if (!isAtLeast(version, "1.27.4")) return "";
  const ms = Math.min(idleTimeoutMs, 5_000);
  return `    keepalive_min_timeout ${
    duration(ms)
  }; # a reload waits for the next request instead of closing\n`;
}

/** Inherited by nobody: a location with one `add_header` of its own loses those of the server. */
export function secureHeaders(): string {
  return [
    ...Object.entries(SECURE_HEADERS),
    ["Strict-Transport-Security", "$transport_security"],
  ].map(([name, value]) => `      add_header ${name} "${value}" always;`).join("\n");
}
