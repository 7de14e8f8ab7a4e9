/**
 * The parts of a Caddyfile that depend on what a front is told.
 *
 * @module
 */
import type { Front, FrontProgram } from "./front.ts";
import { duration, HSTS, SECURE_HEADERS } from "./rules.ts";
import { isAtLeast } from "./version.ts";

/** The replicas. */
export function upstreamLines({ upstreams }: Front): string {
  if (Array.isArray(upstreams)) {
    return upstreams.map(({ id, address }) => `\t\t\tto ${address} # ${id}`).join("\n");
  }
  const [name, port] = upstreams.name.split(":");
  return `\t\t\tdynamic a {
				name ${name}
				port ${port}
				refresh 250ms
			}`;
}

/** Active checks of listed replicas. */
export function activeLines({ upstreams, activeCheck }: Front): string {
  if (!Array.isArray(upstreams)) return "";
  return `
			# A replica that drains, or whose event loop is blocked, is left out until it answers again.
			health_uri /readyz
			health_interval ${duration(activeCheck.intervalMs)}
			health_timeout ${duration(activeCheck.timeoutMs)}
`;
}

/**
 * How much of a request is read before a replica sees it.
 *
 * Nothing on old versions: when a replica cannot be reached, 2.6.2 gives the buffer back to its pool and
 * tries the next replica with it, by then full of somebody else's request. Payments were sent with the
 * body of another client. 2.11.7 does not do that; the versions between were not tried.
 */
export function bufferLines({ maxBodyBytes }: Front, { version }: FrontProgram): string {
  return isAtLeast(version, "2.11")
    ? `\t\t\t# Requests are read whole (a slow client costs no replica), answers are streamed.
\t\t\trequest_buffers ${maxBodyBytes + 1}`
    : "\t\t\t# Requests and answers are streamed.";
}

/** Who the client is and which scheme it spoke, as `{vars.client}` and `{vars.client_scheme}`. */
export function forwardedBlock({ trustedProxies }: Front): string {
  if (trustedProxies.length === 0) {
    return `
	vars {
		client {http.request.remote.host}
		client_scheme {http.request.scheme}
	}
`;
  }
  return `
	# The last address of X-Forwarded-For is the one that the trusted proxy saw.
	map {header.X-Forwarded-For} {forwarded_client} {
		~([0-9A-Fa-f.:]+)\\s*$ \${1}
		default {http.request.remote.host}
	}
	map {header.X-Forwarded-Proto} {forwarded_scheme} {
		~^(https?)$ \${1}
		default {http.request.scheme}
	}
	@trusted remote_ip ${trustedProxies.join(" ")}
	@untrusted not remote_ip ${trustedProxies.join(" ")}
	vars @trusted {
		client {forwarded_client}
		client_scheme {forwarded_scheme}
	}
	vars @untrusted {
		client {http.request.remote.host}
		client_scheme {http.request.scheme}
	}
`;
}

/** Stands for the request id in JSON until its braces are escaped. */
export const REQUEST_ID_MARK = "REQUEST-ID";

/** JSON whose braces are no placeholders. */
export function escapeBraces(json: string): string {
  return json.replaceAll(/[{}]/g, "\\$&").replace(REQUEST_ID_MARK, "{request_id}");
}

/** Deferred: set when the answer is sent, so that they replace what a replica said. */
export function secureHeaders(indent: string): string {
  const fields = Object.entries(SECURE_HEADERS).map(([name, value]) => `\t${name} "${value}"`);
  return [
    "header {",
    "\tdefer",
    ...fields,
    "}",
    "header @tls {",
    "\tdefer",
    `\tStrict-Transport-Security "${HSTS}"`,
    "}",
  ].map((line) => indent + line).join("\n");
}

/** Newer versions answer 499 to a client that stops in the middle of its body, and wait for the rest. */
export function unfinishedBlock({ version }: FrontProgram): string {
  if (!isAtLeast(version, "2.11")) return "";
  return `	# A client that stops in the middle of its body is not waited for.
	header {
		match status 499
		Connection close
	}

`;
}

/**
 * Go takes "0.0.0.0" for every address of both families, and Linux gives a connection to the IPv4 socket
 * of the other front then: only equal sockets share a port.
 */
export function bindAddress(host: string): string {
  return host === "0.0.0.0" ? "tcp4/0.0.0.0" : host;
}
