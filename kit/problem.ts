/**
 * What a client is told when something goes wrong: RFC 9457 problem details.
 *
 * A handler throws a {@linkcode Problem}; the one `onError` of the app renders it. Everything else
 * that is thrown is a bare 500 whose cause is logged and never sent.
 *
 * @module
 */

/** Every kind of problem that a client can meet, with its status and title. The table of errors. */
export const PROBLEMS = {
  "bad-request": { status: 400, title: "Bad request" },
  "malformed-json": { status: 400, title: "Malformed JSON" },
  "invalid-parameter": { status: 400, title: "Invalid parameter" },
  "unauthorized": { status: 401, title: "Unauthorized" },
  "not-found": { status: 404, title: "Not found" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "request-timeout": { status: 408, title: "Request timed out" },
  "conflict": { status: 409, title: "Conflict" },
  "payload-too-large": { status: 413, title: "Payload too large" },
  "uri-too-long": { status: 414, title: "URI too long" },
  "unsupported-media-type": { status: 415, title: "Unsupported media type" },
  "schema-violation": { status: 422, title: "Schema violation" },
  "idempotency-key-reused": { status: 422, title: "Idempotency key reused with another body" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "headers-too-large": { status: 431, title: "Request headers too large" },
  "internal": { status: 500, title: "Internal server error" },
  "not-implemented": { status: 501, title: "Not implemented" },
  "bad-gateway": { status: 502, title: "Upstream failed" },
  "unavailable": { status: 503, title: "Service unavailable" },
  "overloaded": { status: 503, title: "Overloaded" },
  "store-unavailable": { status: 503, title: "Store unavailable" },
  "gateway-timeout": { status: 504, title: "Upstream timed out" },
  "http-version-not-supported": { status: 505, title: "HTTP version not supported" },
} as const satisfies Record<string, { status: number; title: string }>;

/** The name of a kind of problem; its `type` member is `/problems/<name>`. */
export type ProblemType = keyof typeof PROBLEMS;

/** One violated rule of a request body or parameter. */
export interface Violation {
  /** A JSON pointer into the body (`/items/0/quantity`) or the name of the parameter. */
  field: string;
  /** What must hold. */
  message: string;
}

/** Options of {@linkcode Problem}. */
export interface ProblemOptions {
  /** What this occurrence is about; sent to the client, so never a secret or a cause. */
  detail?: string;
  /** The rules that the request broke. */
  errors?: readonly Violation[];
  /** Headers of the response, such as `allow` or `retry-after`. */
  headers?: Readonly<Record<string, string>>;
  /** The underlying error; logged, never sent. */
  cause?: unknown;
}

/** The JSON body of a problem response. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail?: string;
  errors?: readonly Violation[];
  /** The request id, so that a client can quote it. */
  requestId?: string;
}

/** An error that is meant for the client. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** The key into {@linkcode PROBLEMS}. */
  readonly type: ProblemType;
  /** HTTP status. */
  readonly status: number;
  /** The rules that the request broke, when there are any. */
  readonly errors: readonly Violation[] | undefined;
  /** Headers of the response. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(type: ProblemType, options: ProblemOptions = {}) {
    const { detail, errors, headers = {}, cause } = options;
    super(detail ?? PROBLEMS[type].title, cause === undefined ? undefined : { cause });
    this.type = type;
    this.status = PROBLEMS[type].status;
    this.errors = errors;
    this.headers = headers;
  }

  /** The body that is sent. */
  toJSON(requestId?: string): ProblemBody {
    const { title, status } = PROBLEMS[this.type];
    return {
      type: `/problems/${this.type}`,
      title,
      status,
      ...(this.message === title ? {} : { detail: this.message }),
      ...(this.errors ? { errors: this.errors } : {}),
      ...(requestId ? { requestId } : {}),
    };
  }

  /** The whole response: `application/problem+json`, never cached. */
  toResponse(requestId?: string): Response {
    return new Response(JSON.stringify(this.toJSON(requestId)), {
      status: this.status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...this.headers,
      },
    });
  }
}
