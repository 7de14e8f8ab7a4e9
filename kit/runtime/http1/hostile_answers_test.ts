import assert from "node:assert/strict";
import {
  array,
  assert as property,
  asyncProperty,
  constantFrom,
  integer,
  oneof,
  string,
} from "fast-check";
import { answering, startRawServer } from "../../../testing/raw_server.ts";
import { until } from "../../../testing/until.ts";
import { createHttpClient } from "../http_client.ts";

/** Pieces of answers, right and wrong, of which a generated answer is put together. */
const LINES = [
  "content-length: 3",
  "content-length: 5",
  "content-length:3",
  "content-length: +3",
  "content-length: 3, 3",
  "content-length: 0x3",
  "transfer-encoding: chunked",
  "Transfer-Encoding: Chunked",
  "transfer-encoding: gzip, chunked",
  "transfer-encoding: identity",
  "transfer-encoding : chunked",
  " folded",
  "connection: close",
  "connection: keep-alive",
  "x-name: value",
  "x-name:\tvalue \t",
  "x-name: va\rlue",
  "x-name: va\nlue",
  "x-name: va\0lue",
  "x-name: v\xe4lue",
  ": no name",
  "no colon",
  "",
];
const STARTS = [
  "HTTP/1.1 200 OK",
  "HTTP/1.0 200 OK",
  "HTTP/1.1 204 No Content",
  "HTTP/1.1 404",
  "HTTP/1.1 200",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
  "HTTP/2 200 OK",
  "HTTP/1.1 2000 OK",
  "HTTP/1.1  200 OK",
  "http/1.1 200 OK",
];
const BODIES = [
  "abc",
  "abcde",
  "3\r\nabc\r\n0\r\n\r\n",
  "3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n",
  "3\nabc\n0\n\n",
  "0x3\r\nabc\r\n0\r\n\r\n",
  "4\r\nabc\r\n0\r\n\r\n",
  "-1\r\nabc\r\n0\r\n\r\n",
  "fffffffff\r\nabc\r\n",
  "",
];
const BREAKS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"];

const answers = [
  constantFrom(...STARTS),
  array(constantFrom(...LINES), { maxLength: 3 }),
  constantFrom(...BREAKS),
  oneof(constantFrom(...BODIES), string({ unit: "binary-ascii", maxLength: 20 })),
  integer({ min: 1, max: 100 }),
] as const;

/** Status and body, or that there is no answer. */
async function outcome(ask: () => Promise<Response>): Promise<string> {
  try {
    const answer = await ask();
    return `${answer.status} ${await answer.text()}`;
  } catch {
    return "no answer";
  }
}

Deno.test("HttpClient reads no answer otherwise than fetch does, though it refuses more", async () => {
  let raw = "";
  let cut = 1;
  await using server = startRawServer(async (connection) => {
    await connection.request();
    await connection.write(raw.slice(0, cut));
    await connection.write(raw.slice(cut));
    connection.close();
  });
  using client = createHttpClient();
  using other = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const counts: Record<string, number> = {};
  await property(
    asyncProperty(...answers, async (start, lines, lineBreak, body, at) => {
      raw = [start, ...lines, "", ""].join(lineBreak) + body;
      cut = at;
      const ours = await outcome(() => client.send(`${server.url}/`));
      const theirs = await outcome(() => fetch(`${server.url}/`, { client: other }));
      const kind = ours === theirs ? ours === "no answer" ? "refused" : "taken" : "stricter";
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (kind === "stricter") {
        assert.equal(ours, "no answer", `fetch reads ${JSON.stringify(theirs)}`);
      }
    }),
    { numRuns: 1_000, seed: 1 },
  );
  for (const kind of ["refused", "taken"]) assert.ok((counts[kind] ?? 0) > 100, kind);
});

Deno.test("HttpClient rejects what is no answer, at once", async (t) => {
  const header = "HTTP/1.1 200 OK\r\n";
  const chunked = `${header}transfer-encoding: chunked\r\n\r\n`;
  const cases: Record<string, string> = {
    "another protocol": "SSH-2.0-OpenSSH_9\r\n\r\n",
    "a length that is no number": `${header}content-length: 2x\r\n\r\nok`,
    "two lengths": `${header}content-length: 2\r\ncontent-length: 3\r\n\r\nok!`,
    "a length and chunks":
      `${header}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    "a coding that is unknown": `${header}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    "a space before the colon": `${header}content-length : 2\r\n\r\nok`,
    "a field with a control character": `${header}x-name: a\x01b\r\ncontent-length: 2\r\n\r\nok`,
    "a field that is folded": `${header}x-name: a\r\n b\r\ncontent-length: 2\r\n\r\nok`,
    "a status beyond 599": "HTTP/1.1 999 X\r\ncontent-length: 2\r\n\r\nok",
    "a change of protocol": "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "a header without end": `${header}x: ${"y".repeat(70_000)}`,
    "a body where there may be none": "HTTP/1.1 205 Reset\r\ncontent-length: 2\r\n\r\nok",
    "a chunk without a size": `${chunked}\r\nabc\r\n`,
    "a chunk that is longer than its size": `${chunked}2\r\nabc\r\n0\r\n\r\n`,
    "a chunk whose line does not end": `${chunked}3;${"x".repeat(5_000)}`,
    "trailers without end": `${chunked}0\r\n${"x: y\r\n".repeat(100)}`,
  };
  for (const [name, raw] of Object.entries(cases)) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await t.step(name, async () => {
      await using server = answering(raw);
      using client = createHttpClient();
      await assert.rejects(client.send(`${server.url}/`).then((answer) => answer.text()));
      await until("its end", () => server.open === 0);
    });
  }
});
