/**
 * Reads what a service answered, where the gateway needs the content itself.
 *
 * @module
 */
import type { z } from "zod";
import { Problem } from "../problem.ts";
import { discard } from "./attempts.ts";
import { DeadlineExceeded } from "./shared_timers.ts";

/**
 * The JSON of a 200 answer, checked against `schema`. The deadline of the request still counts.
 *
 * @param name of the service, for the client to read
 * @throws {Problem} `not-found` and `unavailable` as the service said, `gateway-timeout` when the rest
 * of the answer did not come in time, else `bad-gateway`
 */
export async function readAnswer<T extends z.ZodType>(
  name: string,
  answer: Response,
  schema: T,
): Promise<z.output<T>> {
  if (answer.status !== 200) {
    discard(answer);
    if (answer.status === 404) throw new Problem("not-found");
    if (answer.status === 503) {
      throw new Problem("unavailable", { detail: `${name} is unavailable` });
    }
    throw new Problem("bad-gateway", { detail: `${name} answered ${answer.status}` });
  }
  let value: unknown;
  try {
    value = await answer.json();
  } catch (cause) {
    throw cause instanceof DeadlineExceeded
      ? new Problem("gateway-timeout", { detail: `${name} did not answer in time`, cause })
      : new Problem("bad-gateway", { detail: `${name} broke off its answer`, cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Problem("bad-gateway", {
    detail: `${name} answered something else than expected`,
    cause: result.error,
  });
}
