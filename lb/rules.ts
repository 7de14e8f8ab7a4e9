/**
 * What both balancers say in the same words: which paths they let through, which request ids they
 * believe, and the problems that they tell by themselves.
 *
 * @module
 */
import { PROBLEMS, type ProblemType } from "../kit/problem.ts";

/**
 * A request target that is refused with 400, because balancer and gateway could read it differently:
 * bytes outside printable ASCII anywhere; in the path empty and dot segments, backslash, `#`, and
 * encoded dot, slash, backslash and control characters. Valid in PCRE and RE2.
 */
export const ODD_TARGET = String
  .raw`(?i)[^!-~]|^[^?]*(?://|/\.\.?(?:[/?]|$)|[\\#]|%(?:[01][0-9a-f]|2[ef]|5c|7f))`;

/** The only paths that reach a replica begin so. */
export const PUBLIC_PREFIX = "/api/";

/** A request id that is kept; any other is replaced. The same rule as `kit/request_context.ts`. */
export const REQUEST_ID = "^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$";

/** The methods that are passed on; any other is answered with 405 and this list. */
export const PASSED_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/**
 * Headers of a client that say something about hops. The front sets those that it knows and removes the
 * rest, so that behind it they can be believed.
 */
export const REMOVED_HEADERS = [
  "Forwarded",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
  "X-Forwarded-Server",
  "X-Forwarded-Ssl",
  "X-Client-IP",
  "True-Client-IP",
  "Proxy",
] as const;

/** The problems that a front tells by itself, and why. No quotes, braces or backslashes: they are rendered. */
const OWN_PROBLEMS: Readonly<Partial<Record<ProblemType, string>>> = {
  "bad-request":
    "Cannot read the request: it must be valid HTTP, and its path plain (no //, dot segments, encoded dots or slashes)",
  "not-found": `Cannot find the path: it must begin with ${PUBLIC_PREFIX}`,
  "method-not-allowed": `Cannot use the method: it must be one of ${PASSED_METHODS.join(", ")}`,
  "request-timeout": "Cannot wait any longer: the request must arrive in time",
  "payload-too-large": "Cannot take the body: it is larger than the front lets through",
  "uri-too-long": "Cannot take the target: it is longer than the front lets through",
  "headers-too-large": "Cannot take the header: it is larger than the front lets through",
  "internal": "Cannot answer: the front failed",
  "not-implemented": "Cannot read the request: the front does not know its transfer coding",
  "bad-gateway": "Cannot pass the request on: a replica must be there and answer",
  "unavailable": "Cannot pass the request on: a replica must be ready",
  "gateway-timeout": "Cannot pass the request on: a replica must answer in time",
  "http-version-not-supported": "Cannot read the request: the version must be HTTP/1.0 or HTTP/1.1",
};

/** The problems that a front tells by itself, as status and JSON body with `requestId` put in. */
export function frontProblems(requestId: string): { status: number; body: string }[] {
  return Object.entries(OWN_PROBLEMS).map(([type, detail]) => {
    const { status, title } = PROBLEMS[type as ProblemType];
    return {
      status,
      body: JSON.stringify({ type: `/problems/${type}`, title, status, detail, requestId }),
    };
  });
}

/**
 * Headers of every answer, whoever made it. This is an API: nothing that it answers is a page, so a
 * browser may run, embed and sniff nothing. Behind TLS, {@linkcode HSTS} is added.
 */
export const SECURE_HEADERS = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
} as const;

/** `Strict-Transport-Security` when the client spoke TLS to whoever is in front of the front. */
export const HSTS = "max-age=31536000";

/** A duration as both balancers write it: whole seconds as `10s`, else `250ms`. */
export function duration(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}
