/**
 * `/api/token` and `/api/secure`: authentication that no store is asked for.
 *
 * @module
 */
import { clientNetwork } from "../kit/client_network.ts";
import { Problem } from "../kit/problem.ts";
import { parseJsonBody } from "../kit/validate.ts";
import { type CheckCredentials, credentialsSchema, MAX_CREDENTIALS_BYTES } from "./credentials.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";
import { Tokens } from "./tokens.ts";

const BEARER = /^Bearer +([A-Za-z0-9_.-]{1,4096})$/i;

/** Adds the two routes. */
export function tokenRoutes(
  app: GatewayApp,
  parts: GatewayParts,
  checkCredentials: CheckCredentials,
): void {
  const { context: { id: instance }, jwtSecret, findJwtSecret, findOrigin, clock } = parts;
  let tokens = jwtSecret === undefined ? undefined : new Tokens({ secret: jwtSecret, clock });

  async function requireTokens(): Promise<Tokens> {
    if (tokens) return tokens;
    if (findJwtSecret) return tokens = new Tokens({ secret: await findJwtSecret(), clock });
    throw new Problem("unavailable", {
      detail: "Cannot sign tokens: JWT_SECRET_FILE must be set where the gateway runs",
    });
  }

  app.post("/api/token", async (c) => {
    const tokens = await requireTokens();
    const credentials = await parseJsonBody(c, credentialsSchema, {
      maxBytes: MAX_CREDENTIALS_BYTES,
    });
    const { address } = findOrigin(c.req.raw.headers, c.env.peer?.remoteAddress);
    await checkCredentials(credentials, clientNetwork(address));
    const { token, claims } = await tokens.issue(credentials.user);
    c.header("cache-control", "no-store");
    return c.json({
      token,
      tokenType: "Bearer",
      expiresInSeconds: claims.exp - claims.iat,
      expiresAt: time(claims.exp),
      instance,
    });
  });

  app.get("/api/secure", async (c) => {
    const tokens = await requireTokens();
    const authorization = c.req.raw.headers.get("authorization");
    const token = BEARER.exec(authorization ?? "")?.[1];
    const claims = token === undefined ? undefined : await tokens.check(token);
    if (!claims) {
      // RFC 6750, section 3: no error code when no token was sent.
      const error = authorization === null ? "" : ', error="invalid_token"';
      throw new Problem("unauthorized", {
        detail: "Cannot answer: the request must carry a valid bearer token",
        headers: { "www-authenticate": `Bearer realm="gateway"${error}` },
      });
    }
    c.header("cache-control", "no-store");
    return c.json({ user: claims.sub, expiresAt: time(claims.exp), instance });
  });
}

function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
