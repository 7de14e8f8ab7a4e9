/**
 * Renders a {@linkcode Front} to the text of an nginx configuration. Pure: starting, checking and
 * reloading belong to whoever runs it (`nginx -p DIRECTORY -c nginx.conf -e stderr`).
 *
 * @module
 */
import {
  endpoint,
  escape,
  forwardedBlock,
  keepAliveMinimum,
  secureHeaders,
  trustBlock,
  upstreamBlock,
} from "./nginx_blocks.ts";
import type { Front, FrontProgram, Policy } from "./front.ts";
import {
  duration,
  frontProblems,
  HSTS,
  ODD_TARGET,
  PASSED_METHODS,
  PUBLIC_PREFIX,
  REMOVED_HEADERS,
  REQUEST_ID,
  SECURE_HEADERS,
} from "./rules.ts";
import { isAtLeast } from "./version.ts";

/** What goes into the `upstream` block for each policy; `zone` shares its state between workers. */
export const NGINX_POLICIES: Readonly<Record<Policy, string>> = {
  "round-robin": "# Each replica in turn: what nginx does when nothing is said.",
  "least-conn": "least_conn;",
  // ip_hash looks at the first three octets only: a whole /24 would be one client.
  "ip-hash": "hash $remote_addr consistent;",
  "two-choices": "random two least_conn;",
};

/** Options of {@linkcode renderNginx}. */
export interface RenderNginxOptions {
  /** Text in the `upstream` block that chooses the policy. @default the front's policy */
  policyText?: string;
}

/**
 * The whole configuration file. Relative paths in it are relative to the prefix (`-p`).
 *
 * @throws {RangeError} when the front needs what this version does not have
 */
export function renderNginx(
  front: Front,
  program: Pick<FrontProgram, "version">,
  options: RenderNginxOptions = {},
): string {
  const { policyText = NGINX_POLICIES[front.policy] } = options;
  if (!Array.isArray(front.upstreams) && !isAtLeast(program.version, "1.27.3")) {
    throw new RangeError(
      `Cannot render a DNS name for nginx: the version must be 1.27.3 or newer, received "${program.version}"`,
    );
  }
  return `daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes 2;
worker_shutdown_timeout ${duration(front.drainMs)};

events {
  worker_connections 4096;
}

http {
  access_log off; # the gateway logs every request; a second line costs CPU here
  server_tokens off;

  # Nothing is written to disk (bodies fit their buffers), but nginx wants the folders.
  client_body_temp_path client_body_temp;
  proxy_temp_path proxy_temp;
  fastcgi_temp_path fastcgi_temp;
  uwsgi_temp_path uwsgi_temp;
  scgi_temp_path scgi_temp;
${upstreamBlock(front, policyText)}
  # A client's request id is kept when it is harmless.
  map $http_x_request_id $front_request_id {
    "~${REQUEST_ID}" $http_x_request_id;
    default $request_id;
  }

  # When the request was handed on, in ms since 1970: the gateway sheds what waited too long.
  map $msec $request_start {
    "~^(?<seconds>\\d+)\\.(?<millis>\\d+)$" t=$seconds$millis;
  }

  map $http_host $client_host {
    "" localhost;
    default $http_host;
  }
${forwardedBlock(front)}
  map $client_scheme $transport_security {
    https "${HSTS}";
    default "";
  }

  # Targets that nginx and a replica could read differently.
  map $request_uri $odd_target {
    "~${escape(ODD_TARGET)}" 1;
    default 0;
  }

  map $status $allow {
    405 "${PASSED_METHODS.join(", ")}";
    default "";
  }

  map $status $problem {
${
    frontProblems("$front_request_id").map(({ status, body }) => `    ${status} '${body}';`).join(
      "\n",
    )
  }
  }

  server {
    listen ${
    endpoint(front.host, front.port)
  } reuseport; # two fronts can share the port during a swap
    server_name localhost;
${trustBlock(front)}
    client_header_timeout ${duration(front.clientTimeoutMs)};
    client_body_timeout ${duration(front.clientTimeoutMs)};
    send_timeout ${duration(front.clientTimeoutMs)};
    reset_timedout_connection on;
    keepalive_timeout ${duration(front.idleTimeoutMs)};
    keepalive_requests 100000;
${keepAliveMinimum(front, program.version)}
    large_client_header_buffers ${
    Math.floor(front.maxHeaderBytes / front.maxUriBytes)
  } ${front.maxUriBytes};
    client_max_body_size ${front.maxBodyBytes};
    client_body_buffer_size ${front.maxBodyBytes};

    error_page 494 =431 /problem;
    error_page ${frontProblems("").map(({ status }) => status).join(" ")} /problem;

    location = /problem {
      internal;
      default_type application/problem+json;
      add_header X-Request-Id $front_request_id always;
      add_header X-Instance-Id ${front.id} always;
      add_header Allow $allow always;
      add_header Cache-Control no-store always;
${secureHeaders()}
      return 200 $problem; # the status stays that of the error
    }

    location / {
      if ($odd_target) {
        return 400;
      }
      return 404;
    }

    location = ${PUBLIC_PREFIX.slice(0, -1)} {
      return 404; # or nginx would redirect to the prefix
    }

    location ${PUBLIC_PREFIX} {
      if ($server_protocol = HTTP/0.9) {
        return 400;
      }
      if ($odd_target) {
        return 400;
      }
      if ($request_method !~ "^(${PASSED_METHODS.join("|")})$") {
        return 405;
      }

      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $client_host;
      proxy_set_header X-Request-Id $front_request_id;
      proxy_set_header X-Request-Start $request_start;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $client_host;
      proxy_set_header X-Forwarded-Proto $client_scheme;
${REMOVED_HEADERS.map((name) => `      proxy_set_header ${name} "";`).join("\n")}

${secureHeaders()}
${
    [...Object.keys(SECURE_HEADERS), "Strict-Transport-Security"]
      .map((name) => `      proxy_hide_header ${name};`).join("\n")
  }

      # Requests are read whole (a slow client costs no replica), answers are streamed.
      proxy_request_buffering on;
      proxy_buffering off;
      proxy_buffer_size 16k;
      proxy_buffers 4 16k;
      proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset X-Accel-Expires;

      proxy_connect_timeout ${duration(front.connectTimeoutMs)};
      proxy_send_timeout ${duration(front.responseTimeoutMs)};
      proxy_read_timeout ${duration(front.responseTimeoutMs)};

      # Idempotent requests are tried elsewhere when there was no answer. Not on 503: a shedding
      # replica has answered, and two of those would take the whole pool away.
      proxy_next_upstream error timeout;
      proxy_next_upstream_timeout ${duration(front.retryWindowMs)};
    }
  }
}
`;
}
