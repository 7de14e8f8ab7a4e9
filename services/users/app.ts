/**
 * The users service: `GET /users`, `GET /users/:id`.
 *
 * @module
 */
import type { Hono } from "hono";
import type { InstanceEnv } from "../../kit/instance_app.ts";
import { listQuerySchema, toListBody, toListOptions } from "../../kit/list_query.ts";
import { Problem } from "../../kit/problem.ts";
import type { ServiceParts } from "../../kit/run_service.ts";
import { createServiceApp } from "../../kit/service_app.ts";
import { parseQuery } from "../../kit/validate.ts";
import type { User } from "./schema.ts";
import { userKind } from "./store.ts";

/** Makes the users app. */
export function createUsersApp(parts: ServiceParts<User>): Hono<InstanceEnv> {
  const { store } = parts;
  return createServiceApp(parts, (app) => {
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
