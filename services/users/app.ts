/**
 * The users service: `GET /users`, `GET /users/:id`.
 *
 * @module
 */
import type { Hono } from "hono";
import { honourDeadline } from "../../kit/deadline.ts";
import {
  createInstanceApp,
  type InstanceContext,
  type InstanceEnv,
} from "../../kit/instance_app.ts";
import { listQuerySchema, toListBody, toListOptions } from "../../kit/list_query.ts";
import { Problem } from "../../kit/problem.ts";
import type { EntityStore } from "../../kit/store/entity_store.ts";
import { parseQuery } from "../../kit/validate.ts";
import type { User } from "./schema.ts";
import { userKind } from "./store.ts";

/** What the users app is made from. */
export interface UsersAppOptions {
  context: InstanceContext;
  store: EntityStore<User>;
}

/** Makes the users app. */
export function createUsersApp({ context, store }: UsersAppOptions): Hono<InstanceEnv> {
  return createInstanceApp(context, (app) => {
    app.use(honourDeadline(context.clock));

    app.get("/users", async (c) => {
      const page = await store.list(
        toListOptions(parseQuery(c, listQuerySchema), userKind.idPrefix),
      );
      return c.json(toListBody(page));
    });

    app.get("/users/:id", async (c) => {
      const user = await store.get(c.req.param("id"));
      if (!user) throw new Problem("not-found", { detail: "There is no user with this id" });
      return c.json(user);
    });
  });
}
