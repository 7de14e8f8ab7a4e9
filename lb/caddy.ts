/**
 * Renders a {@linkcode Front} to a Caddyfile. Pure: starting, checking and reloading belong to whoever
 * runs it (`caddy run --config Caddyfile --adapter caddyfile` with {@linkcode caddyEnvironment}).
 *
 * @module
 */
import {
  activeLines,
  bindAddress,
  bufferLines,
  escapeBraces,
  forwardedBlock,
  REQUEST_ID_MARK,
  secureHeaders,
  unfinishedBlock,
  upstreamLines,
} from "./caddy_blocks.ts";
import type { Front, FrontProgram, Policy } from "./front.ts";
import {
  duration,
  frontProblems,
  ODD_TARGET,
  PASSED_METHODS,
  PUBLIC_PREFIX,
  REMOVED_HEADERS,
  REQUEST_ID,
} from "./rules.ts";
import { isAtLeast } from "./version.ts";

/** What stands in `reverse_proxy` for each policy. */
export const CADDY_POLICIES: Readonly<Record<Policy, string>> = {
  "round-robin": "lb_policy round_robin",
  "least-conn": "lb_policy least_conn",
  // ip_hash sees the peer only and client_ip_hash needs 2.7: this header is the client on all versions.
  "ip-hash": "lb_policy header X-Real-IP",
  "two-choices": "lb_policy random_choose 2",
};

/** Where Caddy's admin endpoint listens: in the folder of its own, because 2.6 sets no mode on it. */
export function caddyAdminSocket({ directory }: Pick<FrontProgram, "directory">): string {
  return `unix/${directory}/admin.sock`;
}

/** Environment that keeps everything that Caddy writes inside its folder. */
export function caddyEnvironment(
  { directory }: Pick<FrontProgram, "directory">,
): Record<string, string> {
  return { HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory };
}

/** Options of {@linkcode renderCaddy}. */
export interface RenderCaddyOptions {
  /** Line in `reverse_proxy` that chooses the policy. @default the front's policy */
  policyText?: string;
  /** Text between the global options and the site. @default "" */
  snippets?: string;
  /** Global options that depend on where it runs. @default admin on a socket, state in the folder */
  placeText?: string;
}

/** The whole configuration file. */
export function renderCaddy(
  front: Front,
  program: FrontProgram,
  options: RenderCaddyOptions = {},
): string {
  const {
    policyText = CADDY_POLICIES[front.policy],
    snippets = "",
    placeText = `	admin ${caddyAdminSocket(program)}
	storage file_system ${program.directory}`,
  } = options;
  const problems = frontProblems(REQUEST_ID_MARK);
  return `{
	auto_https off
${isAtLeast(program.version, "2.7") ? "\tpersist_config off\n" : ""}${placeText}
	log {
		output stderr
		format json
		level WARN
	}
	grace_period ${duration(front.drainMs)}
	shutdown_delay 1s
	servers {
		protocols h1
		max_header_size ${front.maxHeaderBytes}
		timeouts {
			read_header ${duration(front.clientTimeoutMs)}
			read_body ${duration(front.clientTimeoutMs)}
			idle ${duration(front.idleTimeoutMs)}
		}
	}
}
${snippets}
http://:${front.port} {
	bind ${bindAddress(front.host)}

	# A client's request id is kept when it is harmless.
	map {header.X-Request-Id} {request_id} {
		~(${REQUEST_ID}) \${1}
		default {http.request.uuid}
	}
${forwardedBlock(front)}
	@tls vars {vars.client_scheme} https
${secureHeaders("\t")}

	# Before it closes idle connections, a Caddy that ends asks clients for a second to do so.
	@ending vars {http.shutting_down} true
	header @ending Connection close

${unfinishedBlock(program)}	route {
		# Targets that Caddy and a replica could read differently.
		@odd vars_regexp {http.request.uri} "${ODD_TARGET}"
		error @odd 400

		@long expression \`size({http.request.uri}) > ${front.maxUriBytes}\`
		error @long 414

		@outside not vars_regexp {http.request.uri} ^${PUBLIC_PREFIX}
		error @outside 404

		@refused not method ${PASSED_METHODS.join(" ")}
		error @refused 405

		@large expression \`{http.request.header.Content-Length} != "" && int({http.request.header.Content-Length}) > ${front.maxBodyBytes}\`
		error @large 413

		# Names in Connection would make Caddy remove headers that are set here.
		request_header -Connection
		request_header -Upgrade
${REMOVED_HEADERS.map((name) => `\t\trequest_header -${name}`).join("\n")}
		request_header X-Request-Id {request_id}
		request_header X-Real-IP {vars.client}

		request_body {
			max_size ${front.maxBodyBytes}
		}

		reverse_proxy {
${upstreamLines(front)}
			${policyText}

			# Idempotent requests are tried elsewhere when there was no answer. Not on 503: a shedding
			# replica has answered, and two of those would take the whole pool away.
			lb_try_duration ${duration(front.retryWindowMs)}
			lb_try_interval 20ms

			# No passive health: a client that breaks off its body would count as a failed replica.
${activeLines(front)}
${bufferLines(front, program)}
			header_up X-Request-Start t={time.now.unix_ms}
			header_up X-Forwarded-For {vars.client}
			header_up X-Forwarded-Proto {vars.client_scheme}

			transport http {
				versions 1.1
				compression off
				dial_timeout ${duration(front.connectTimeoutMs)}
				response_header_timeout ${duration(front.responseTimeoutMs)}
				keepalive 60s
				keepalive_idle_conns_per_host ${front.keepAliveConnections}
			}
		}
	}

	handle_errors {
		# A body in broken chunks is noticed while it is passed on: the client's fault, not a replica's.
		map {err.message} {status} {
			~(?:chunk|trailer|MIME.header) 400
			default {err.status_code}
		}
		map {status} {problem} {
${problems.map(({ status, body }) => `\t\t\t${status} \`${escapeBraces(body)}\``).join("\n")}
		}
		header Content-Type application/problem+json
		header X-Request-Id {request_id}
		header X-Instance-Id ${front.id}
		header Cache-Control no-store
${secureHeaders("\t\t")}
		@method expression {err.status_code} == 405
		header @method Allow "${PASSED_METHODS.join(", ")}"
		respond {problem} {status}
	}
}
`;
}
