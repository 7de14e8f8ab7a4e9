import assert from "node:assert/strict";
import { answering, startRawServer } from "../../../testing/raw_server.ts";
import { until } from "../../../testing/until.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { systemClock } from "../../clock.ts";
import { createHttpClient } from "../http_client.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

Deno.test("HttpClient takes a new connection when the server has closed the one that is kept", async () => {
  await using server = startRawServer(async (connection) => {
    await connection.request();
    await connection.write(OK);
    connection.close();
  });
  using client = createHttpClient();
  for (let i = 1; i <= 5; i++) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    assert.equal(await (await client.send(`${server.url}/`)).text(), "ok");
    // deno-lint-ignore no-await-in-loop -- one after the other
    await systemClock.sleep(20);
    assert.equal(server.accepted, i);
  }
});

Deno.test("HttpClient closes connections that nobody has needed for a minute", async () => {
  await using server = answering(OK);
  const clock = new FakeClock();
  using client = createHttpClient({ clock });
  const send = async () => await (await client.send(`${server.url}/`)).text();
  await Promise.all([send(), send(), send()]);
  for (let seconds = 0; seconds < 70; seconds += 10) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await clock.advance(10_000);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await send();
    if (seconds < 50) assert.equal(server.open, 3);
  }
  await until("two to be closed", () => server.open === 1);
  assert.equal(server.accepted, 3);
});

Deno.test("HttpClient, let go of while it connects, rejects and closes", async () => {
  await using server = answering(OK);
  const client = createHttpClient();
  const answer = client.send(`${server.url}/`);
  client[Symbol.dispose]();
  await assert.rejects(answer);
  await until("its end", () => server.open === 0);
});

Deno.test("HttpClient closes its connections when it is let go of", async () => {
  await using server = answering(OK);
  {
    using client = createHttpClient();
    await (await client.send(`${server.url}/`)).text();
    assert.equal(server.open, 1);
  }
  await until("its end", () => server.open === 0);
});
