/**
 * The supervisor's control socket: the methods of a `Stack` as HTTP on a unix socket that only this user
 * can open, and a client that is a `Stack` again.
 *
 * @module
 */
import { z } from "zod";
import { frontKindSchema, POLICIES } from "../../lb/front.ts";
import {
  type FrontChange,
  type LogOptions,
  SCALABLE,
  type ScalableService,
  type Stack,
  StackError,
  type StackStatus,
  stackStatusSchema,
} from "../stack.ts";

const scaleSchema = z.partialRecord(z.enum(SCALABLE), z.int());
const killSchema = z.object({
  instance: z.string(),
  signal: z.enum(["SIGKILL", "SIGTERM", "SIGSTOP", "SIGCONT"]),
});
const frontChangeSchema = z.object({
  kind: frontKindSchema.exactOptional(),
  policy: z.enum(POLICIES).exactOptional(),
});
const failureSchema = z.object({ message: z.string(), exitCode: z.literal([1, 2]) });

/** A supervisor that does not say in this time what runs, or that it lives, is stuck. */
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Serves `stack` on a unix socket until it is disposed.
 *
 * @param stop ends all instances; this socket, which has to answer then, outlives it
 */
export function serveControl(
  stack: Stack,
  path: string,
  stop: () => Promise<void> = () => stack.down(),
): AsyncDisposable {
  const kill = new AbortController();
  const server = Deno.serve(
    { path, signal: kill.signal, onListen: () => {} },
    (request) =>
      route(stack, stop, request).catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        const exitCode = error instanceof StackError ? error.exitCode : 1;
        return Response.json({ message, exitCode }, { status: 500 });
      }),
  );
  Deno.chmodSync(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      // Lets whoever asked for `down` have its answer, but waits for no idle connection.
      const timer = setTimeout(() => kill.abort(), 500);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}

async function route(
  stack: Stack,
  stop: () => Promise<void>,
  request: Request,
): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  switch (`${request.method} ${pathname}`) {
    case "GET /alive":
      return Response.json(null);
    case "GET /status":
      return Response.json(await stack.status());
    case "GET /logs": {
      const instance = searchParams.get("instance");
      const follow = searchParams.has("follow");
      const options = { follow, signal: request.signal };
      const lines = stack.logs(instance ? { ...options, instance } : options);
      return new Response(await asStream(lines));
    }
    case "POST /scale":
      await stack.scale(scaleSchema.parse(await request.json()));
      return Response.json(null);
    case "POST /front":
      await stack.setFront(frontChangeSchema.parse(await request.json()));
      return Response.json(null);
    case "POST /kill": {
      const { instance, signal } = killSchema.parse(await request.json());
      await stack.kill(instance, signal);
      return Response.json(null);
    }
    case "POST /down":
      await stop();
      return Response.json(null);
    default:
      return Response.json({ message: `Unknown request ${pathname}`, exitCode: 1 }, {
        status: 404,
      });
  }
}

/** Resolves with the first line: what is wrong with the question is known by then, and is an answer. */
async function asStream(lines: AsyncIterable<string>): Promise<ReadableStream<Uint8Array>> {
  const iterator = lines[Symbol.asyncIterator]();
  let ahead: IteratorResult<string> | undefined = await iterator.next();
  return new ReadableStream<string>({
    async pull(controller) {
      const next = ahead ?? await iterator.next();
      ahead = undefined;
      if (next.done) controller.close();
      else controller.enqueue(`${next.value}\n`);
    },
    async cancel() {
      await iterator.return?.();
    },
  }).pipeThrough(new TextEncoderStream());
}

/** Options of {@linkcode StackClient}. */
export interface StackClientOptions {
  /** Longest wait for a sign of life; a change itself may take as long as it takes. @default 5000 */
  answerTimeoutMs?: number;
}

/** A running stack, seen through its control socket. */
export class StackClient implements Stack {
  readonly #path: string;
  readonly #answerTimeoutMs: number;

  constructor(path: string, options: StackClientOptions = {}) {
    this.#path = path;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  async status(): Promise<StackStatus> {
    return stackStatusSchema.parse(await this.#look("/status"));
  }

  async scale(target: Partial<Record<ScalableService, number>>): Promise<void> {
    await this.#look("/alive");
    await this.#call("POST", "/scale", target);
  }

  async setFront(change: FrontChange): Promise<void> {
    await this.#look("/alive");
    await this.#call("POST", "/front", change);
  }

  async kill(instance: string, signal: Parameters<Stack["kill"]>[1]): Promise<void> {
    await this.#look("/alive");
    await this.#call("POST", "/kill", { instance, signal });
  }

  async down(): Promise<void> {
    await this.#call("POST", "/down");
  }

  async *logs(options: LogOptions = {}): AsyncGenerator<string> {
    const { instance, follow = false, signal } = options;
    const query = new URLSearchParams(instance === undefined ? {} : { instance });
    if (follow) query.set("follow", "");
    await this.#look("/alive");
    using client = this.#connect();
    let rest = "";
    try {
      const init = { client, ...(signal ? { signal } : {}) };
      const response = await this.#fetch(`/logs?${query}`, init);
      for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        yield* lines;
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }

  /** For what takes no time. A change may take long, so it is preceded by such a look instead. */
  async #look(path: string): Promise<unknown> {
    const signal = AbortSignal.timeout(this.#answerTimeoutMs);
    return await this.#call("GET", path, undefined, signal);
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<unknown> {
    using client = this.#connect();
    const init = {
      method,
      client,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    };
    const response = await this.#fetch(path, init);
    return await response.json();
  }

  async #fetch(path: string, init: RequestInit & { client: Deno.HttpClient }): Promise<Response> {
    let response;
    try {
      response = await fetch(`http://stack${path}`, init);
    } catch (cause) {
      const { reason } = init.signal ?? {};
      if (init.signal?.aborted && reason?.name !== "TimeoutError") throw cause;
      const advice = `its supervisor must answer (try "deno task down")`;
      throw new StackError(`Cannot reach the stack: ${advice}, received "${this.#path}"`, {
        cause,
      });
    }
    if (response.ok) return response;
    const { message, exitCode } = failureSchema.parse(await response.json());
    throw new StackError(message, { exitCode });
  }

  #connect(): Deno.HttpClient {
    return Deno.createHttpClient({ proxy: { transport: "unix", path: this.#path } });
  }
}
