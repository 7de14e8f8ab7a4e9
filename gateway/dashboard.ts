/**
 * `/api/dashboard`: a user with orders and payments, asked for in parallel. What fails is named, the
 * rest is served.
 *
 * @module
 */
import { z } from "zod";
import { Problem, type ProblemBody, PROBLEMS } from "../kit/problem.ts";
import { readAnswer } from "../kit/upstream/answer.ts";
import { parseQuery } from "../kit/validate.ts";
import { ID, readFields } from "./forward.ts";
import type { GatewayApp, GatewayParts, UpstreamName } from "./gateway.ts";

/** The parts get this share of the time, so that a late one can still be named in time. */
const PARTS_SHARE = 0.9;

const querySchema = z.object({
  user: z.string("must be given").regex(ID, "must be the id of a user"),
});
const userSchema = z.looseObject({ id: z.string() });
const listSchema = z.object({ items: z.array(z.unknown()) }).transform(({ items }) => items);

/** Adds `/api/dashboard`. */
export function dashboardRoute(app: GatewayApp, parts: GatewayParts): void {
  const { upstreams, config, clock, findOrigin, context: { log } } = parts;

  app.get("/api/dashboard", async (c) => {
    const { user: id } = parseQuery(c, querySchema);
    const deadlineAtMs = clock.now() + config.UPSTREAM_TIMEOUT_MS * PARTS_SHARE;
    const { fields: headers, credentials } = readFields(c, findOrigin);
    const errors: Partial<Record<UpstreamName, Pick<ProblemBody, "type" | "title" | "status">>> =
      {};

    async function part<T extends z.ZodType>(name: UpstreamName, path: string, schema: T) {
      try {
        const request = { method: "GET", path, headers, deadlineAtMs, credentials };
        return await readAnswer(name, await upstreams[name].send(request), schema);
      } catch (error) {
        if (!(error instanceof Problem)) log.error("dashboard part failed", { name, error });
        const { type, title, status } = asProblem(error).toJSON();
        errors[name] = { type, title, status };
        return undefined;
      }
    }

    const [user, orders, payments] = await Promise.all([
      part("users", `/users/${id}`, userSchema),
      part("orders", `/orders?user=${id}`, listSchema),
      part("payments", `/payments?user=${id}`, listSchema),
    ]);
    if (errors.users?.status === PROBLEMS["not-found"].status) {
      throw new Problem("not-found", {
        detail: `Cannot make the dashboard: user must exist, received "${id}"`,
      });
    }
    return c.json({ user: user ?? null, orders: orders ?? [], payments: payments ?? [], errors });
  });
}

function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem("internal", { cause: error });
}
