import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { requires } from "../testing/requires.ts";
import { LogFiles, type LogFilesOptions } from "./log_files.ts";

async function withLogs(
  test: (logs: LogFiles, append: (id: string, text: string) => void) => Promise<void> | void,
  options: LogFilesOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const logs = new LogFiles(folder, options);
  try {
    await test(logs, (id, text) => Deno.writeTextFileSync(logs.path(id), text, { append: true }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const line = (time: string, msg: string) => JSON.stringify({ time, msg });

Deno.test({
  name: "LogFiles.read() merges instances by time and makes JSON of what is none",
  ...requires(),
  fn: () =>
    withLogs(async (logs, append) => {
      append("gateway-1", `${line("2026-01-01T00:00:01Z", "a")}\nsegmentation fault\n`);
      append("gateway-1", `\n${line("2026-01-01T00:00:04Z", "d")}`);
      append("users-1", `${line("2026-01-01T00:00:02Z", "b")}\n"just text"\nnull\n`);
      append("front", '{"level":"error","ts":1767225603,"msg":"c"}\n');
      const lines = (await Array.fromAsync(logs.read())).map((text) => JSON.parse(text));
      assert.deepEqual(lines.map(({ msg }) => msg), [
        "a",
        "segmentation fault",
        "b",
        '"just text"',
        "null",
        "c",
        "d",
      ]);
      assert.deepEqual(lines[5], {
        time: "2026-01-01T00:00:03.000Z",
        level: "error",
        msg: "c",
        instance: "front",
      });
      assert.deepEqual(lines[1], {
        time: "2026-01-01T00:00:01Z",
        level: "info",
        msg: "segmentation fault",
        instance: "gateway-1",
      });
      assert.equal((await Array.fromAsync(logs.read({ instance: "users-1" }))).length, 3);
    }),
});

Deno.test({
  name: "LogFiles.read() follows through unfinished lines, new instances and a rotation",
  ...requires(),
  async fn() {
    const clock = new FakeClock();
    await withLogs(async (logs, append) => {
      const abort = new AbortController();
      const lines = logs.read({ follow: true, signal: abort.signal });
      append("a-1", `${line("1", "first")}\n{"time":"2",`);
      assert.equal((await lines.next()).value, line("1", "first"));
      const second = lines.next();
      append("a-1", '"msg":"second"}\n');
      await clock.advance(100);
      assert.equal((await second).value, '{"time":"2","msg":"second"}');

      const third = lines.next();
      append("b-1", `${line("3", "third")}\n`);
      await clock.advance(100);
      assert.equal((await third).value, line("3", "third"));

      Deno.truncateSync(logs.path("a-1"));
      append("a-1", `${line("4", "after")}\n`);
      const fourth = lines.next();
      await clock.advance(100);
      assert.equal((await fourth).value, line("4", "after"));

      const end = lines.next();
      abort.abort();
      await clock.advance(100);
      assert.equal((await end).done, true);
    }, { clock });
  },
});

Deno.test({
  name: "LogFiles.rotate() keeps a file that a process holds open bounded",
  ...requires(),
  fn: () =>
    withLogs((logs, append) => {
      append("a-1", "x".repeat(11));
      append("b-1", "x".repeat(10));
      logs.rotate();
      assert.equal(Deno.statSync(logs.path("a-1")).size, 0);
      assert.equal(Deno.readTextFileSync(`${logs.path("a-1")}.1`), "x".repeat(11));
      assert.equal(Deno.statSync(logs.path("b-1")).size, 10);
      assert.deepEqual(logs.ids(), ["a-1", "b-1"]);
    }, { maxBytes: 10 }),
});

Deno.test({
  name: "LogFiles.reasonOfEnd() finds what matters among what is printed at the end",
  ...requires(),
  fn: () =>
    withLogs((logs, append) => {
      const cases: [text: string, reason: string][] = [
        ["", ""],
        [`${"x".repeat(20_000)}\nbye\n\n`, "bye"],
        ["started\nerror: Module not found\n    at file:///a.ts:1:1\n", "error: Module not found"],
        [
          "error: Uncaught (in promise) TypeError: no\n  f();\n  ^\n    at file:///a.ts:1:1\n",
          "error: Uncaught (in promise) TypeError: no",
        ],
        [
          `${JSON.stringify({ level: "error", msg: "Cannot start", error: { message: "no" } })}\n`,
          "Cannot start: no",
        ],
        [`${JSON.stringify({ level: "info", msg: "drained" })}\n`, "drained"],
        ["nginx: [emerg] bind() failed\nnginx: bye\n", "nginx: [emerg] bind() failed"],
      ];
      for (const [index, [text, reason]] of cases.entries()) {
        append(`case-${index}`, text);
        assert.equal(logs.reasonOfEnd(`case-${index}`), reason);
      }
    }),
});
