/**
 * A supervisor as a process of its own: what `up --detach` leaves running. Says on stdout, in one line
 * of JSON, whether the stack serves; after that only its log file knows of it. When nobody is there to
 * read that line, nobody waits for the stack, and it is stopped.
 *
 * @module
 */
import { startOnEngine } from "../engines.ts";
import { StackError, stackOptionsSchema } from "../stack.ts";

if (import.meta.main) {
  const [root = "", options = "{}"] = Deno.args;
  Deno.exit(await supervise(root, options));
}

async function supervise(root: string, options: string): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  let stack;
  try {
    stack = await startOnEngine(stackOptionsSchema.parse(JSON.parse(options)), {
      stateDir: root,
      signal: stop.signal,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say({ ready: false, message, exitCode: error instanceof StackError ? error.exitCode : 1 });
    return 1;
  }
  if (!say({ ready: true })) {
    await stack.down();
    return 1;
  }
  await stack.closed;
  return 0;
}

/** Tells the task that started us, which reads one line and then goes away; `false` when it has gone. */
function say(line: unknown): boolean {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}
