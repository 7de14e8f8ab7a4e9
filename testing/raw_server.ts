/**
 * A server that says what the test wants, byte by byte: what no HTTP library would say.
 *
 * @module
 */

/** One connection to a {@linkcode RawServer}, as its test sees it. */
export interface RawConnection {
  /** Which one, from 0. */
  readonly index: number;
  /** Reads the next request up to the end of its header; `undefined` when the client closed. */
  request(): Promise<string | undefined>;
  /** Writes latin1 text (or bytes); resolves when the system has taken it. */
  write(data: string | Uint8Array): Promise<void>;
  close(): void;
}

/** A server that listens. */
export interface RawServer extends AsyncDisposable {
  /** Its origin. */
  readonly url: string;
  /** Connections so far, and those that the client has not closed. */
  readonly accepted: number;
  readonly open: number;
}

/** Listens, and plays `script` to each connection. */
export function startRawServer(script: (connection: RawConnection) => Promise<void>): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const sockets = new Set<Deno.TcpConn>();
  let accepted = 0;

  async function play(socket: Deno.TcpConn, index: number): Promise<void> {
    try {
      await script(connectionOf(socket, index));
    } catch {
      // The client closed, or the test is over: the script cannot go on.
    }
  }

  const accepting = (async () => {
    const played: Promise<void>[] = [];
    for await (const socket of listener) {
      socket.setNoDelay();
      sockets.add(socket);
      played.push(play(socket, accepted++).then(() => void sockets.delete(socket)));
    }
    await Promise.all(played);
  })();

  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of sockets) close(socket);
      await accepting;
    },
  };
}

/** A server that answers every request of a connection with these pieces, one after the other. */
export function answering(...pieces: string[]): RawServer {
  return startRawServer(async (connection) => {
    // deno-lint-ignore no-await-in-loop -- one after the other
    while (await connection.request()) for (const piece of pieces) await connection.write(piece);
  });
}

/** A server that answers the first request of a connection, and closes it. */
export function closingAfter(...pieces: string[]): RawServer {
  return startRawServer(async (connection) => {
    await connection.request();
    // deno-lint-ignore no-await-in-loop -- one after the other
    for (const piece of pieces) await connection.write(piece);
    connection.close();
  });
}

/** Bytes of latin1 text. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function connectionOf(socket: Deno.TcpConn, index: number): RawConnection {
  const buffer = new Uint8Array(65_536);
  let pending = "";
  return {
    index,
    async request() {
      let end = pending.indexOf("\r\n\r\n");
      while (end < 0) {
        // deno-lint-ignore no-await-in-loop -- one piece after the other
        const count = await socket.read(buffer);
        if (count === null) return undefined;
        pending += String.fromCharCode(...buffer.subarray(0, count));
        end = pending.indexOf("\r\n\r\n");
      }
      const head = pending.slice(0, end + 4);
      pending = pending.slice(end + 4);
      return head;
    },
    async write(data) {
      let rest = typeof data === "string" ? latin1(data) : data;
      // deno-lint-ignore no-await-in-loop -- one piece after the other
      while (rest.length > 0) rest = rest.subarray(await socket.write(rest));
    },
    close: () => close(socket),
  };
}

function close(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch {
    // It is closed already.
  }
}
