/**
 * Programs that do one thing and end: what they print is an answer or a complaint, for nobody's terminal.
 *
 * @module
 */

/** Options of {@linkcode runProgram}. */
export interface RunProgramOptions {
  args: readonly string[];
  cwd?: string;
  /** Added to the environment. */
  env?: Record<string, string>;
  /** Ends the program when it aborts. */
  signal?: AbortSignal;
}

/** A program that has ended. */
export interface ProgramResult {
  success: boolean;
  stdout: string;
  /** Lines on stderr, at least one. */
  complaints: [string, ...string[]];
}

/** Runs a program to its end. @throws {Error} when it cannot be started */
export async function runProgram(
  program: string,
  { args, ...options }: RunProgramOptions,
): Promise<ProgramResult> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    ...options,
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
  const [first = "", ...others] = text(stderr).trimStart().split("\n");
  return { success, stdout: text(stdout), complaints: [first, ...others] };
}
