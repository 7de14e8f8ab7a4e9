/**
 * The tasks as a user runs them, for tests of what they print, how they exit and what they leave.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isPortFree } from "../stack/ports.ts";
import { readProcess } from "../stack/proc.ts";
import { type StackStatus, stackStatusSchema } from "../stack/stack.ts";
import { PROJECT_ROOT } from "../stack/tools.ts";

/** A task that has ended. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** The tasks on a state directory of their own; whatever was started is gone at the end. */
export class Tasks implements AsyncDisposable {
  /** Absolute path. */
  readonly stateDir = Deno.makeTempDirSync({ prefix: "tasks-" });

  /** A task that is to be started. */
  command(task: string, ...args: string[]): Deno.Command {
    // What runs is processes here, also where a Docker engine answers.
    const engine = task === "up" && !args.includes("--engine") ? ["--engine", "process"] : [];
    const script = `${PROJECT_ROOT}scripts/${task}.ts`;
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", script, ...engine, ...args],
      env: { STACK_DIR: this.stateDir, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  /** Runs a task to its end. */
  async run(task: string, ...args: string[]): Promise<Finished> {
    const { code, stdout, stderr } = await this.command(task, ...args).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** What `status` says. */
  async status(): Promise<StackStatus> {
    const { stdout, stderr } = await this.run("status", "--json");
    assert.equal(stderr, "");
    return stackStatusSchema.parse(JSON.parse(stdout));
  }

  /** Process id of the supervisor, also of one that has ended. */
  supervisor(): number {
    return parseInt(Deno.readTextFileSync(`${this.stateDir}/lock`));
  }

  /** How many processes the ledger names. */
  started(): number {
    try {
      return JSON.parse(Deno.readTextFileSync(`${this.stateDir}/processes.json`)).processes.length;
    } catch {
      return 0; // not written yet
    }
  }

  /** Nothing of a stack is there any more, nor of these instances. */
  assertGone({ instances }: Pick<StackStatus, "instances"> = { instances: [] }): void {
    for (const { id, pid, address } of instances) {
      assert.equal(readProcess(pid ?? 0), undefined, `${id} must have ended`);
      assert.ok(isPortFree(Number(new URL(address).port)), `${id} must have left its port`);
    }
    const left = [...Deno.readDirSync(this.stateDir)].map(({ name }) => name).sort();
    assert.deepEqual(left, ["lock", "logs", "redis"], "data and logs stay, nothing else");
    assert.ok(
      !Deno.readDirSync(`${this.stateDir}/redis`).some(({ name }) => name.includes("conf")),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("down");
    await Deno.remove(this.stateDir, { recursive: true });
  }
}
