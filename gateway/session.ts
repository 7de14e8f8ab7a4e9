/**
 * `/api/login`, `/api/session`, `/api/logout`: a session whose state is in Redis, so that it is valid at
 * every replica.
 *
 * @module
 */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import { clientNetwork } from "../kit/client_network.ts";
import type { InstanceEnv } from "../kit/instance_app.ts";
import { Problem } from "../kit/problem.ts";
import { type Session, Sessions } from "../kit/sessions.ts";
import { parseJsonBody, parseQuery } from "../kit/validate.ts";
import { type CheckCredentials, credentialsSchema, MAX_CREDENTIALS_BYTES } from "./credentials.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";

const COOKIE = "session";

const logoutQuerySchema = z.object({
  /** Ends every session of the user, on all devices. */
  all: z.enum(["true", "false"], "must be true or false").default("false"),
});

/** Adds the three routes. */
export function sessionRoutes(
  app: GatewayApp,
  parts: GatewayParts,
  checkCredentials: CheckCredentials,
): void {
  const { context: { id: instance }, config, sessionStore, findOrigin, clock } = parts;
  const sessions = new Sessions({
    store: sessionStore,
    clock,
    idleMs: config.SESSION_IDLE_MS,
    absoluteMs: config.SESSION_ABSOLUTE_MS,
  });

  function originOf(c: Context<InstanceEnv>) {
    return findOrigin(c.req.raw.headers, c.env.peer?.remoteAddress);
  }

  /** `__Host-` binds the cookie to this host; browsers take it with `Secure` only. */
  function cookieOptions(c: Context<InstanceEnv>) {
    const secure = originOf(c).protocol === "https";
    return {
      path: "/",
      httpOnly: true,
      sameSite: "Lax",
      secure,
      ...(secure ? { prefix: "host" } as const : {}),
    } as const;
  }

  function tokenOf(c: Context<InstanceEnv>): string | undefined {
    return cookieOptions(c).secure ? getCookie(c, COOKIE, "host") : getCookie(c, COOKIE);
  }

  app.post("/api/login", async (c) => {
    const credentials = await parseJsonBody(c, credentialsSchema, {
      maxBytes: MAX_CREDENTIALS_BYTES,
    });
    await checkCredentials(credentials, clientNetwork(originOf(c).address));
    const previous = tokenOf(c);
    const { token, session } = await sessions.start(credentials.user);
    // The old session ends with the new login, so that a token never outlives a change of rights.
    await sessions.end(previous);
    const maxAge = Math.ceil((session.expiresAtMs - clock.wallNow()) / 1000);
    setCookie(c, COOKIE, token, { ...cookieOptions(c), maxAge });
    c.header("cache-control", "no-store");
    return c.json({ ...describe(session), instance });
  });

  app.get("/api/session", async (c) => {
    c.header("cache-control", "no-store");
    return c.json({ ...describe(requireSession(await sessions.find(tokenOf(c)))), instance });
  });

  app.post("/api/logout", async (c) => {
    const { all } = parseQuery(c, logoutQuerySchema);
    const token = tokenOf(c);
    if (all === "true") await sessions.endAll(requireSession(await sessions.find(token)).user);
    else await sessions.end(token);
    deleteCookie(c, COOKIE, cookieOptions(c));
    c.header("cache-control", "no-store");
    return c.body(null, 204);
  });
}

function requireSession(session: Session | undefined): Session {
  if (session) return session;
  throw new Problem("unauthorized", {
    detail: "Cannot find the session: the request must carry the cookie of a valid one",
    headers: { "www-authenticate": 'Session realm="gateway"' },
  });
}

function describe({ user, createdAtMs, idleUntilMs, expiresAtMs }: Session) {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    user,
    createdAt: time(createdAtMs),
    idleUntil: time(idleUntilMs),
    expiresAt: time(expiresAtMs),
  };
}
