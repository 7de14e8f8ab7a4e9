/**
 * Where a running stack keeps what it must remember: one folder, `.stack/`, mode 0700, that one
 * supervisor at a time may hold.
 *
 * @module
 */
import { systemClock } from "../../kit/clock.ts";
import { StackError } from "../stack.ts";

/** The paths of a state directory. */
export interface StateDir {
  root: string;
  /** Held (flock) by the living supervisor. Stays when all else is gone: removing it would race. */
  lock: string;
  ledger: string;
  /** The supervisor's unix socket, mode 0600. */
  socket: string;
  logs: string;
  /** Redis's append-only file: survives `down`. */
  redis: string;
  /** Configuration of the front, rewritten at every change. */
  front: string;
  upstreams: string;
  jwtSecret: string;
}

/** Longest path of a unix socket on Linux, without the final zero byte. */
const MAX_SOCKET_PATH = 107;

/**
 * Names the paths; creates nothing.
 *
 * @throws {StackError} when `root` is not absolute, or too long for a socket
 */
export function stateDir(root: string): StateDir {
  if (!root.startsWith("/")) {
    const rule = "its path must be absolute";
    throw new StackError(`Cannot use the state directory: ${rule}, received "${root}"`);
  }
  const dir = {
    root,
    lock: `${root}/lock`,
    ledger: `${root}/processes.json`,
    socket: `${root}/control.sock`,
    logs: `${root}/logs`,
    redis: `${root}/redis`,
    front: `${root}/front`,
    upstreams: `${root}/upstreams.json`,
    jwtSecret: `${root}/jwt.secret`,
  };
  if (new TextEncoder().encode(dir.socket).length > MAX_SOCKET_PATH) {
    const rule = `a socket's path must have at most ${MAX_SOCKET_PATH} bytes`;
    throw new StackError(`Cannot use the state directory: ${rule}, received "${dir.socket}"`);
  }
  return dir;
}

/** A state directory that belongs to this process until `lock` is closed. */
export interface HeldStateDir {
  dir: StateDir;
  lock: Deno.FsFile;
}

/**
 * Makes a state directory ours, with its folders; what an earlier run left is still in it.
 *
 * @throws {StackError} when a stack runs there
 */
export async function takeStateDir(root: string): Promise<HeldStateDir> {
  const dir = stateDir(root);
  createFolders(dir);
  const lock = await holdStateDir(dir);
  if (!lock) {
    throw new StackError(`Cannot start the stack: one must not run yet, received "${root}"`);
  }
  return { dir, lock };
}

/** Creates the folders, readable by this user only. @throws {StackError} when that cannot be */
export function createFolders(dir: StateDir): void {
  try {
    for (const folder of [dir.root, dir.logs, dir.redis, dir.front]) {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  } catch (cause) {
    const rule = "it must be a folder that this user can write to";
    throw new StackError(`Cannot use the state directory: ${rule}, received "${dir.root}"`, {
      cause,
    });
  }
}

/**
 * Takes the directory for this process; closing the file gives it back, as does the end of the process,
 * however it comes.
 *
 * @returns `undefined` when another process holds it
 */
export async function holdStateDir(dir: StateDir): Promise<Deno.FsFile | undefined> {
  const file = Deno.openSync(dir.lock, { create: true, write: true, mode: 0o600 });
  // A task that only looks (holderOf) has it for a moment too.
  for (let tries = 1; !file.tryLockSync(true); tries++) {
    if (tries === 5) {
      file.close();
      return undefined;
    }
    // deno-lint-ignore no-await-in-loop -- trying again is the point
    await systemClock.sleep(10);
  }
  file.truncateSync();
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return file;
}

/** Process id of the supervisor that holds the directory now; `undefined` when none does. */
export function holderOf(dir: Pick<StateDir, "lock">): number | undefined {
  let file;
  try {
    file = Deno.openSync(dir.lock, { read: true });
  } catch {
    return undefined; // never used
  }
  // A shared lock, so that looking does not keep a supervisor from starting for longer than needed.
  const free = file.tryLockSync(false);
  file.close();
  return free ? undefined : parseInt(Deno.readTextFileSync(dir.lock));
}

/** Removes what only a running stack needs: sockets, secrets, configurations. Data and logs stay. */
export function removeVolatile(dir: StateDir): void {
  for (const path of [dir.socket, dir.upstreams, dir.jwtSecret, `${dir.redis}/redis.conf`]) {
    removeFile(path);
  }
  try {
    Deno.removeSync(dir.front, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes a file that may not be there. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (!(error instanceof NotFound || error instanceof NotADirectory)) throw error;
  }
}
