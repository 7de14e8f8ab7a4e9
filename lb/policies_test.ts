// deno-lint-ignore-file no-await-in-loop -- requests one after the other are the point
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type Answer, type Seen, startBackends } from "../testing/backends.ts";
import { startTestFront } from "../testing/front.ts";
import { requires } from "../testing/requires.ts";
import type { Policy } from "./front.ts";

const KINDS = ["nginx", "caddy"] as const;

/** Three replicas behind a front; `ask` returns which of them answered. */
async function setUp(
  kind: (typeof KINDS)[number],
  policy: Policy,
  options: { answer?: Answer; trustedProxies?: string[] } = {},
) {
  const { answer, trustedProxies = [] } = options;
  await using cleanUp = new AsyncDisposableStack();
  const backends = cleanUp.use(startBackends(3, answer));
  const front = cleanUp.use(
    await startTestFront({ kind, policy, upstreams: backends.upstreams, trustedProxies }),
  );
  const ask = async (path = "/api/x", headers: HeadersInit = {}): Promise<number> => {
    const response = await fetch(front.url + path, { headers });
    const seen = await response.json() as Seen;
    return seen.backend;
  };
  const owned = cleanUp.move();
  return { backends, ask, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

for (const kind of KINDS) {
  Deno.test({
    name: `${kind} with round-robin takes each replica in turn, also right after its start`,
    ...requires(kind),
    fn: async () => {
      await using system = await setUp(kind, "round-robin");
      const answered: number[] = [];
      for (let i = 0; i < 9; i++) answered.push(await system.ask());
      const turn = answered.slice(0, 3);
      deepStrictEqual(turn.toSorted(), [1, 2, 3]);
      deepStrictEqual(answered, [...turn, ...turn, ...turn]);
    },
  });

  Deno.test({
    name: `${kind} with ip-hash sends one client to one replica and many clients to all`,
    ...requires(kind),
    fn: async () => {
      const trustedProxies = ["127.0.0.0/8"];
      await using system = await setUp(kind, "ip-hash", { trustedProxies });
      const as = (client: string) => system.ask("/api/x", { "x-forwarded-for": client });
      const same = new Set<number>();
      for (let i = 0; i < 50; i++) same.add(await as("198.51.100.7"));
      strictEqual(same.size, 1);
      const networks = new Set<number>();
      for (let i = 1; i <= 40; i++) networks.add(await as(`10.${i}.0.1`));
      strictEqual(networks.size, 3);
      const neighbours = new Set<number>(); // nginx's own ip_hash would take a /24 for one client
      for (let i = 1; i <= 40; i++) neighbours.add(await as(`192.0.2.${i}`));
      strictEqual(neighbours.size, 3);
    },
  });

  Deno.test({
    name: `${kind} with ip-hash ignores what a client says about its address`,
    ...requires(kind),
    fn: async () => {
      await using system = await setUp(kind, "ip-hash");
      const answered = new Set<number>();
      for (let i = 1; i <= 20; i++) {
        const address = `10.${i}.0.1`;
        const headers = { "x-forwarded-for": address, "x-real-ip": address };
        answered.add(await system.ask("/api/x", headers));
      }
      strictEqual(answered.size, 1);
    },
  });

  for (const policy of ["least-conn", "two-choices"] as const) {
    Deno.test({
      name: `${kind} with ${policy} avoids a busy replica`,
      ...requires(kind),
      fn: async () => {
        const busy = Promise.withResolvers<void>();
        await using system = await setUp(kind, policy, {
          answer: async ({ target }) => {
            if (target === "/api/hold") await busy.promise;
            return undefined;
          },
        });
        const held = system.ask("/api/hold");
        while (system.backends.seen.length === 0) await new Promise((go) => setTimeout(go, 5));
        const answered: number[] = [];
        for (let i = 0; i < 300; i++) answered.push(await system.ask());
        busy.resolve();
        const busyOne = await held;
        const reached = answered.filter((backend) => backend === busyOne).length;
        // Caddy draws its two with replacement: now and then the busy one twice. Blind: 100 of 300.
        const most = kind === "caddy" && policy === "two-choices" ? 75 : 0;
        ok(reached <= most, `the busy replica got ${reached} of 300`);
        strictEqual(new Set(answered.filter((backend) => backend !== busyOne)).size, 2);
      },
    });
  }
}
