import { ok, strictEqual, throws } from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { findTool } from "../stack/tools.ts";
import { type Front, type FrontKind, frontSchema, POLICIES, type Policy } from "./front.ts";
import { launchOf } from "./launch.ts";
import { isAtLeast } from "./version.ts";

const REPLICAS = [1, 2, 3].map((n) => ({ id: `gateway-${n}`, address: `127.0.0.1:${3000 + n}` }));
const BY_NAME = { name: "localhost:3000", resolver: "127.0.0.1" };

function frontOf(kind: FrontKind, policy: Policy, rest: object = {}): Front {
  return frontSchema.parse({ kind, policy, port: 8080, upstreams: REPLICAS, ...rest });
}

/** Runs the program's own check on a configuration; returns what it complained about. */
async function complaints(front: Front): Promise<string> {
  const tool = findTool(front.kind);
  ok(tool.present);
  const directory = await Deno.makeTempDir({ prefix: "test-launch-" });
  try {
    const launch = launchOf(front, { version: tool.version, directory });
    const path = `${directory}/${launch.file}`;
    await Deno.writeTextFile(path, launch.text);
    const { success, stderr } = await new Deno.Command(tool.path, {
      args: launch.checkArgs(path),
      env: launch.env,
    }).output();
    return success ? "" : new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const VARIANTS = {
  "a list of replicas": {},
  "one replica": { upstreams: REPLICAS.slice(0, 1) },
  "a trusted proxy": { trustedProxies: ["10.0.0.0/8", "fd00::/8"] },
  "another address": { host: "::1" },
  "replicas by name": { upstreams: BY_NAME },
} as const;

for (const kind of ["nginx", "caddy"] as const) {
  for (const policy of POLICIES) {
    for (const [name, rest] of Object.entries(VARIANTS)) {
      Deno.test({
        name: `launchOf() writes what ${kind} accepts for ${policy} with ${name}`,
        ...requires(kind),
        fn: async () => {
          const front = frontOf(kind, policy, rest);
          const tool = findTool(kind);
          ok(tool.present);
          if (kind === "nginx" && "upstreams" in rest && !Array.isArray(rest.upstreams)) {
            // An old nginx would resolve the name once, at start: that must be said, not rendered.
            if (!isAtLeast(tool.version, "1.27.3")) {
              throws(() => launchOf(front, { version: tool.version, directory: "/" }), RangeError);
              return;
            }
          }
          strictEqual(await complaints(front), "");
        },
      });
    }
  }
}

const RENDERED: [FrontKind, string][] = [
  ["nginx", "1.22.1"],
  ["nginx", "1.29.7"],
  ["caddy", "2.6.2"],
  ["caddy", "2.11.2"],
];
for (const [kind, version] of RENDERED) {
  Deno.test({
    name: `launchOf() renders ${kind} ${version} as before`,
    ...requires(),
    fn: async (t) => {
      const front = frontOf(kind, "two-choices", { trustedProxies: ["10.0.0.0/8"] });
      await t.assertSnapshot(launchOf(front, { version, directory: "/srv/front" }).text);
    },
  });
}
