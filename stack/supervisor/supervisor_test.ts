// deno-lint-ignore-file no-await-in-loop -- one case after the other
import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { type LogOptions, requireInstance, type StackStatus } from "../stack.ts";
import { connectStack } from "../open.ts";
import { holderOf, takeStateDir } from "./state_dir.ts";
import { type Engine, type Supervision, Supervisor } from "./supervisor.ts";

const STATUS: StackStatus = {
  engine: "process",
  front: "nginx",
  policy: "round-robin",
  url: "http://127.0.0.1:1",
  instances: [],
};

/** Notes what it is told to do. */
class FakeEngine implements Engine {
  readonly url = STATUS.url;
  readonly calls: string[] = [];
  readonly supervision: Supervision;
  starting: Promise<void> = Promise.resolve();
  /** Why it cannot stop, each time that it is asked to. */
  readonly stopFailures: Error[] = [];
  /** What a change waits for. */
  changing: Promise<void> = Promise.resolve();

  constructor(supervision: Supervision) {
    this.supervision = supervision;
  }

  async start(): Promise<void> {
    this.calls.push("start");
    await this.starting;
  }

  status(): Promise<StackStatus> {
    return Promise.resolve(STATUS);
  }

  async scale(target: unknown): Promise<void> {
    this.calls.push(`scale ${JSON.stringify(target)}`);
    await this.changing;
    this.calls.push("scaled");
  }

  async setFront(change: unknown): Promise<void> {
    this.calls.push(`front ${JSON.stringify(change)}`);
    await this.changing;
  }

  async *logs({ instance }: LogOptions = {}): AsyncGenerator<string> {
    requireInstance(instance ?? "redis", { action: "show logs", known: ["redis", "front"] });
    yield* ["1", "2"];
  }

  kill(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.calls.push("stop");
    const failure = this.stopFailures.shift();
    return failure ? Promise.reject(failure) : Promise.resolve();
  }
}

interface Fixture extends AsyncDisposable {
  stateDir: string;
  engine: () => FakeEngine;
  start: (options?: { signal?: AbortSignal; starting?: Promise<void> }) => Promise<Supervisor>;
}

async function fixture(): Promise<Fixture> {
  const stateDir = await Deno.makeTempDir();
  const held = await takeStateDir(stateDir);
  let engine: FakeEngine | undefined;
  return {
    stateDir,
    engine: () => {
      assert.ok(engine);
      return engine;
    },
    start: ({ signal, starting } = {}) =>
      Supervisor.start((supervision) => {
        engine = new FakeEngine(supervision);
        if (starting) engine.starting = starting;
        return engine;
      }, { held, signal }),
    [Symbol.asyncDispose]: () => Deno.remove(stateDir, { recursive: true }),
  };
}

Deno.test({
  name: "Supervisor says that it could not stop, lives on, and stops when it is asked again",
  ...requires(),
  async fn() {
    await using it = await fixture();
    const stack = await it.start();
    it.engine().stopFailures.push(new Error("no such container"));
    const client = connectStack(it);
    await assert.rejects(client.down());
    await client.down();
    await stack.closed;
    assert.deepEqual(it.engine().calls, ["start", "stop", "stop"]);
    assert.equal(holderOf({ lock: `${it.stateDir}/lock` }), undefined);
  },
});

Deno.test({
  name: "Supervisor tells whoever waits for its end that it could not stop",
  ...requires(),
  async fn() {
    await using it = await fixture();
    const stack = await it.start();
    it.engine().stopFailures.push(new Error("no such container"));
    await assert.rejects(stack.down(), /no such container/);
    await assert.rejects(stack.closed, /no such container/);
  },
});

Deno.test({
  name: "Supervisor makes one change after the other, also when one fails",
  ...requires(),
  async fn() {
    await using it = await fixture();
    await using stack = await it.start();
    const first = Promise.withResolvers<void>();
    it.engine().changing = first.promise;
    const changes = [
      stack.scale({ gateway: 2 }),
      stack.setFront({ kind: "caddy" }),
      it.engine().supervision.change(() => Promise.resolve(void it.engine().calls.push("own"))),
    ];
    await stack.status(); // does not wait
    await Promise.resolve();
    assert.deepEqual(it.engine().calls, ["start", 'scale {"gateway":2}']);
    first.reject(new Error("no room"));
    const results = await Promise.allSettled(changes);
    assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected", "fulfilled"]);
    assert.deepEqual(it.engine().calls.slice(2), ['front {"kind":"caddy"}', "own"]);
  },
});

Deno.test({
  name: "Supervisor.scale() refuses counts that are none, before anything is changed",
  ...requires(),
  async fn() {
    await using it = await fixture();
    await using stack = await it.start();
    for (const count of [0, -1, 65, 1.5, NaN]) {
      await assert.rejects(stack.scale({ gateway: 2, users: count }), {
        message: "Cannot scale users: replicas must be a whole number from 1 to 64, " +
          `received "${count}"`,
        exitCode: 2,
      });
    }
    assert.deepEqual(it.engine().calls, ["start"]);
    await stack.scale({ gateway: 64, users: 1 });
  },
});

Deno.test({
  name: "Supervisor.down() waits for the change that is being made, refuses others and stops once",
  ...requires(),
  async fn() {
    await using it = await fixture();
    const stack = await it.start();
    const changing = Promise.withResolvers<void>();
    it.engine().changing = changing.promise;
    const change = stack.scale({ gateway: 2 });
    await Promise.resolve();
    const downs = [stack.down(), stack.down()];
    await assert.rejects(Promise.all([stack.setFront({}), changing.resolve()]), {
      message: "Cannot change the stack: it is going down",
    });
    await Promise.all([change, ...downs, stack.closed]);
    assert.deepEqual(it.engine().calls, ["start", 'scale {"gateway":2}', "scaled", "stop"]);
    assert.equal(holderOf({ lock: `${it.stateDir}/lock` }), undefined);
    assert.throws(() => Deno.statSync(`${it.stateDir}/control.sock`), Deno.errors.NotFound);
  },
});

Deno.test({
  name: "Supervisor answers on its control socket who looks, errs or asks it to go down",
  ...requires(),
  async fn() {
    await using it = await fixture();
    const stack = await it.start();
    const client = connectStack(it);
    assert.deepEqual(await client.status(), STATUS);
    assert.deepEqual(await Array.fromAsync(client.logs()), ["1", "2"]);
    // An engine may find out late: when the first line is asked for.
    await assert.rejects(Array.fromAsync(client.logs({ instance: "x" })), {
      message: 'Cannot show logs: the instance must be one of redis, front, received "x"',
      exitCode: 2,
    });
    await client.down();
    await stack.closed;
    assert.deepEqual(it.engine().calls, ["start", "stop"]);
    assert.equal(holderOf({ lock: `${it.stateDir}/lock` }), undefined);
  },
});

Deno.test({
  name: "Supervisor.start() stops what it started when something does not start",
  ...requires(),
  async fn() {
    await using it = await fixture();
    await assert.rejects(it.start({ starting: Promise.reject(new Error("no port")) }), /no port/);
    assert.deepEqual(it.engine().calls, ["start", "stop"]);
    assert.equal(holderOf({ lock: `${it.stateDir}/lock` }), undefined);
  },
});

for (const when of ["before", "while"] as const) {
  Deno.test({
    name: `Supervisor.start() that is told to stop ${when} it starts leaves nothing`,
    ...requires(),
    async fn() {
      await using it = await fixture();
      const stop = new AbortController();
      const starting = Promise.withResolvers<void>();
      if (when === "before") stop.abort();
      const started = it.start({ signal: stop.signal, starting: starting.promise });
      stop.abort();
      starting.resolve();
      await assert.rejects(started, {
        message: "Cannot start the stack: it was told to stop",
        exitCode: 1,
      });
      assert.deepEqual(it.engine().calls, when === "before" ? ["stop"] : ["start", "stop"]);
      assert.equal(holderOf({ lock: `${it.stateDir}/lock` }), undefined);
    },
  });
}
