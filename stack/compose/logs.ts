/**
 * Logs of containers as the process engine shows logs of processes: one JSON object a line, merged by
 * time.
 *
 * @module
 */
import { LogFiles } from "../log_files.ts";
import type { LogOptions } from "../stack.ts";

/**
 * Reads the logs of containers.
 *
 * @param containers ids of containers by instance id
 */
export async function* readContainerLogs(
  containers: ReadonlyMap<string, string>,
  options: LogOptions = {},
): AsyncGenerator<string> {
  const { instance, follow = false } = options;
  const folder = await Deno.makeTempDir({ prefix: "stack-logs-" });
  const files = new LogFiles(folder);
  const wanted = [...containers].filter(([id]) => instance === undefined || id === instance);
  // A shell, because an instance logs to stdout, a front to stderr, and both go into one file.
  const children = wanted.map(([id, container]) =>
    new Deno.Command("sh", {
      args: [
        "-c",
        `exec docker logs ${follow ? "--follow" : ""} "$1" >"$2" 2>&1`,
        "sh",
        container,
        files.path(id),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn()
  );
  try {
    if (!follow) await Promise.all(children.map(({ status }) => status));
    yield* files.read(options);
  } finally {
    for (const child of children) {
      try {
        child.kill();
      } catch {
        // it has ended by itself
      }
    }
    await Promise.all(children.map(({ status }) => status));
    await Deno.remove(folder, { recursive: true });
  }
}
