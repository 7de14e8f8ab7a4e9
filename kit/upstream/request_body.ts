/**
 * The body of a request on its way through: streamed, never held, and cut off when it grows past a
 * limit, whatever its `Content-Length` claims.
 *
 * @module
 */
import { Problem } from "../problem.ts";

/** How a passing body stands; it decides whose fault a failure is. */
export type RequestBodyState =
  /** All that was asked for has arrived. */
  | "flowing"
  /** The next piece was asked for and the client has not sent it. */
  | "waiting-for-client"
  /** All of it went through. */
  | "complete"
  /** The client broke off. */
  | "broken"
  /** It grew past the limit. */
  | "too-large";

/** A request body with a limit. */
export class RequestBody {
  /** The body to be sent on; errors when the client breaks off or the limit is passed. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #maxBytes: number;
  #state: RequestBodyState = "flowing";

  /** @param maxBytes longest body that may pass */
  constructor(source: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    const reader = source.getReader();
    let bytes = 0;
    this.stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        this.#state = "waiting-for-client";
        const piece = await reader.read().catch((cause) => {
          this.#state = "broken";
          throw cause;
        });
        if (piece.done) {
          this.#state = "complete";
          return controller.close();
        }
        bytes += piece.value.byteLength;
        if (bytes > maxBytes) {
          this.#state = "too-large";
          reader.cancel().catch(() => {
            // The client is gone already; the body is refused either way.
          });
          throw bodyTooLarge(maxBytes);
        }
        this.#state = "flowing";
        controller.enqueue(piece.value);
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** How it stands now. */
  get state(): RequestBodyState {
    return this.#state;
  }

  /**
   * What the client is told when the exchange failed and that was the client's own doing.
   *
   * @param timedOut whether the exchange ended because its deadline passed
   */
  clientFailure(cause: unknown, timedOut: boolean): Problem | undefined {
    if (this.#state === "too-large") return bodyTooLarge(this.#maxBytes);
    if (this.#state === "broken") {
      return new Problem("bad-request", { detail: "The request body broke off", cause });
    }
    if (this.#state === "waiting-for-client" && timedOut) {
      return new Problem("bad-request", { detail: "The request body came too slowly", cause });
    }
    return undefined;
  }
}

/**
 * Refuses a body by its declared length (the value of `Content-Length`, if any), before any of it is read.
 *
 * @throws {Problem} `payload-too-large`
 */
export function checkContentLength(declared: string | undefined, maxBytes: number): void {
  if (Number(declared) > maxBytes) throw bodyTooLarge(maxBytes);
}

function bodyTooLarge(maxBytes: number): Problem {
  return new Problem("payload-too-large", {
    detail: `Cannot accept the body: it must have at most ${maxBytes} bytes`,
  });
}
