/**
 * What is sent to a service.
 *
 * @module
 */
import type { HeaderFields } from "./headers.ts";
import type { RequestBody } from "./request_body.ts";

/** A request to a service. */
export interface UpstreamRequest {
  method: string;
  /** Path and query as the service knows them. Whatever a client had a say in is already checked. */
  path: string;
  /** End-to-end fields with names in lower case. The record is the upstream's: attempts write theirs into it. */
  headers?: HeaderFields;
  /** For other methods than GET and HEAD. It is sent once at most. */
  body?: RequestBody;
  /** When the answer must be complete, by the clock's {@linkcode Clock.now}. */
  deadlineAtMs: number;
  /**
   * The answer is passed on as it comes, so the deadline need not hold for the end of its body. Only its begin is waited
   * for, which is cheaper, and what breaks off later is nobody's failure here. Otherwise the answer is read whole within
   * the attempt, and a body that hangs or breaks off is a failed attempt like any other.
   *
   * @default false
   */
  streamed?: boolean;
  /** Stands for whoever asks: requests with other credentials never share an answer. */
  credentials?: string;
}

/** One attempt: what is sent to a replica. */
export interface HttpRequest {
  /** @default "GET" */
  method?: string;
  headers?: HeaderFields;
  /** For other methods than GET and HEAD. */
  body?: ReadableStream<Uint8Array>;
  /** Gives up the attempt, and whatever it holds. */
  signal?: AbortSignal;
  /**
   * The body of the answer may take its time: the signal counts until the header is there.
   *
   * @default false
   */
  streamed?: boolean;
}

/**
 * Sends a request to a URL `http://host:port/path`. Resolves with what the server answered, redirects included; the headers
 * of the answer can be changed. Rejects when there is no answer that can be passed on.
 */
export type HttpSend = (url: string, request?: HttpRequest) => Promise<Response>;
