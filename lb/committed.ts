/**
 * The configuration files that are committed for containers: `nginx/` and `Caddyfile`, which find
 * replicas by name and take their policy from the environment variable `LB_POLICY`. They are rendered
 * from one {@linkcode Front} like everything else; `deno run --allow-write lb/committed.ts` writes them.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { CADDY_POLICIES, renderCaddy } from "./caddy.ts";
import { type Front, frontSchema, POLICIES } from "./front.ts";
import { NGINX_POLICIES, renderNginx } from "./nginx.ts";

/** The front of `compose.yaml`: port 8080 of its container, replicas at `gateway:3000`. */
export const CONTAINER_FRONT: Front = frontSchema.parse({
  kind: "nginx",
  policy: "round-robin",
  host: "0.0.0.0",
  port: 8080,
  upstreams: { name: "gateway:3000", resolver: "127.0.0.11" },
  // Until the next look at the name, a request may meet several containers that are gone.
  connectTimeoutMs: 250,
});

/** A consistent hash takes all addresses of one name for one server, and gives them turns. */
const POLICIES_BY_NAME = { ...NGINX_POLICIES, "ip-hash": "hash $remote_addr;" };

/** Text of each committed file by its path from the root of the project. */
export function committedFiles(): Record<string, string> {
  const header = (chosen: string) =>
    `# The front in a container. Rendered by lb/committed.ts: change it there.\n# ${chosen}\n\n`;
  const nginx = renderNginx(CONTAINER_FRONT, { version: "1.31" }, {
    policyText: "include policy.conf;",
  });
  const caddy = renderCaddy({ ...CONTAINER_FRONT, kind: "caddy" }, {
    version: "2.11",
    directory: "/data",
  }, {
    policyText: "import {$LB_POLICY:round-robin}",
    snippets: POLICIES.map((policy) => `\n(${policy}) {\n\t${CADDY_POLICIES[policy]}\n}\n`).join(
      "",
    ),
    placeText: "\tadmin unix//tmp/caddy-admin.sock",
  });
  return {
    "nginx/nginx.conf": header(
      "policy.conf beside it is one of policies/, chosen by LB_POLICY in compose.yaml.\n# Run it as `nginx -p /tmp -c /etc/nginx/nginx.conf`: the prefix is all that it writes to.",
    ) +
      nginx,
    ...Object.fromEntries(
      POLICIES.map((policy) => [`nginx/policies/${policy}.conf`, `${POLICIES_BY_NAME[policy]}\n`]),
    ),
    "Caddyfile": header("LB_POLICY chooses one of the four policies below.") + caddy,
  };
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(committedFiles())) {
    writeFileSync(new URL(`../${path}`, import.meta.url), text);
  }
}
