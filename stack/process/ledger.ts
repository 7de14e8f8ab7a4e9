/**
 * The file that names every process of a stack. It is written before anything can depend on a process,
 * so that after a `kill -9` of the supervisor, or a power cut, the next task knows exactly what is ours
 * and kills nothing else.
 *
 * @module
 */
import { z } from "zod";
import { replaceFile } from "../replace_file.ts";
import { removeFile } from "../supervisor/state_dir.ts";
import { killSession, readBootId, readProcess } from "../proc.ts";

const entry = z.object({ id: z.string(), pid: z.int().positive(), startTime: z.number() });
const ledgerSchema = z.object({ bootId: z.string(), processes: z.array(entry) });
/** One process that we started. */
export type LedgerEntry = z.infer<typeof entry>;

/** The processes that one supervisor has started and not yet seen end. */
export class Ledger {
  readonly #path: string;
  readonly #bootId: string;
  #processes: LedgerEntry[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#bootId = readBootId();
    this.#write();
  }

  /** Notes a process that was just started; `undefined` when it has already ended. */
  add(id: string, pid: number): LedgerEntry | undefined {
    const startTime = readProcess(pid)?.startTime;
    if (startTime === undefined) return undefined;
    const added = { id, pid, startTime };
    this.#processes.push(added);
    try {
      this.#write();
    } catch (error) {
      this.#processes.pop();
      throw error;
    }
    return added;
  }

  /** Forgets a process of which nothing is left. */
  remove(gone: LedgerEntry): void {
    this.#processes = this.#processes.filter((each) => each !== gone);
    try {
      this.#write();
    } catch {
      // A file that still names it does no harm: no process has its start time. The next write is right again.
    }
  }

  /** Ends what is still in it (all should have been stopped by now) and removes the file. */
  async close(): Promise<void> {
    await Promise.all(this.#processes.map(killSession));
    removeFile(this.#path);
  }

  #write(): void {
    const text = JSON.stringify({ bootId: this.#bootId, processes: this.#processes });
    replaceFile(this.#path, text);
  }
}

/**
 * Ends everything that a dead supervisor left behind and removes its ledger.
 *
 * @returns the ids of the instances that still had a process
 */
export async function sweepLedger(path: string): Promise<string[]> {
  const ledger = readLedger(path);
  const survivors = ledger?.bootId === readBootId() ? ledger.processes : [];
  const killed = await Promise.all(survivors.map(killSession));
  removeFile(path);
  removeFile(`${path}.new`);
  return survivors.filter((_, index) => killed[index] !== 0).map(({ id }) => id);
}

function readLedger(path: string): z.infer<typeof ledgerSchema> | undefined {
  try {
    return ledgerSchema.parse(JSON.parse(Deno.readTextFileSync(path)));
  } catch {
    return undefined; // absent, or torn by a power cut: after a boot no process of it lives
  }
}
