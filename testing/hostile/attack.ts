/**
 * Sends hostile requests to a port and judges what comes back. Between them goes ordinary traffic that
 * must get its own answers: after a successful smuggle somebody gets another one's.
 *
 * @module
 */
import { PROBLEMS } from "../../kit/problem.ts";
import { rawRequest, sendRaw } from "../raw_http.ts";
import type { HostileRequest } from "./requests.ts";

/** What happened. */
export interface AttackReport {
  sent: number;
  /** Answers by status; 0 is none. */
  statuses: Record<number, number>;
  /** Everything that must not happen, in words, with the request that did it. */
  findings: string[];
}

/** Options of {@linkcode attack}. */
export interface AttackOptions {
  port: number;
  /** Text that only an internal endpoint answers with; none of it may come back. */
  secrets: readonly RegExp[];
  /** Connections at a time. @default 16 */
  concurrency?: number;
  /** How long a hostile request may stay without an answer before its connection is dropped. @default 400 */
  patienceMs?: number;
}

/** One ordinary request for so many hostile ones. */
const CANARY_EVERY = 20;

/** Failures of the system itself; its table names them, but no input may bring them about. */
const OWN_FAULTS = new Set([500, 502, 504]);
const NAMED = new Set<number>(Object.values(PROBLEMS).map(({ status }) => status));

/** Sends all requests; resolves when every one has been answered or given up. */
export async function attack(
  requests: readonly HostileRequest[],
  options: AttackOptions,
): Promise<AttackReport> {
  const { port, secrets, concurrency = 16, patienceMs = 400 } = options;
  const report: AttackReport = { sent: 0, statuses: {}, findings: [] };
  const note = (finding: string, { kind, bytes }: HostileRequest) =>
    report.findings.push(`${finding} after ${kind}: ${JSON.stringify(bytes.slice(0, 2_000))}`);

  async function send(request: HostileRequest): Promise<void> {
    const answer = await sendRaw(port, request.bytes, { timeoutMs: patienceMs });
    report.sent++;
    const statuses = statusesOf(answer.text);
    for (const status of statuses.length > 0 ? statuses : [0]) {
      report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      if (status >= 500 && (OWN_FAULTS.has(status) || !NAMED.has(status))) {
        note(`status ${status}`, request);
      }
    }
    for (const secret of secrets) {
      if (secret.test(answer.text)) note(`an internal answer (${secret.source})`, request);
    }
  }

  async function canary(last: HostileRequest, number: number): Promise<void> {
    const id = `canary-${number.toString().padStart(6, "0")}`;
    const bytes = rawRequest("GET", "/api/users?limit=1", [`X-Request-Id: ${id}`]);
    const answer = await sendRaw(port, bytes, { timeoutMs: 10_000 });
    const overloaded = answer.status === 503 && "retry-after" in answer.headers;
    if (answer.status !== 200 && !overloaded) {
      note(`an ordinary request got ${answer.status} (${answer.text.slice(0, 300)})`, last);
    }
    if (answer.headers["x-request-id"] !== id) {
      note("an ordinary request got another's answer", last);
    }
  }

  let next = 0;
  async function worker(): Promise<void> {
    for (;;) {
      const index = next++;
      const request = requests[index];
      if (!request) return;
      try {
        // deno-lint-ignore no-await-in-loop -- one connection at a time in each worker
        await send(request);
        // deno-lint-ignore no-await-in-loop -- one connection at a time in each worker
        if (index % CANARY_EVERY === 0) await canary(request, index);
      } catch (error) {
        note(`no connection (${error})`, request);
        return;
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker));
  return report;
}

/** Statuses of all answers on a connection; bodies of ours hold no status line. */
function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status))
    .filter((status) => status >= 200);
}
