/**
 * Files that somebody else reads at any time: a front, a gateway, the next task after a crash.
 *
 * @module
 */

/** Options of {@linkcode replaceFile}. */
export interface ReplaceFileOptions {
  /** Called with the path of the new file before anybody can see it, to change who may read it. */
  prepare?: (path: string) => void;
}

/** Writes a file, mode 0600, so that who reads it finds the old or the new text and never a part. */
export function replaceFile(path: string, text: string, options: ReplaceFileOptions = {}): void {
  const next = `${path}.new`;
  Deno.writeTextFileSync(next, text, { mode: 0o600 });
  options.prepare?.(next);
  Deno.renameSync(next, path);
}
