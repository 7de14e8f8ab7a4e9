/**
 * Clients that place orders as fast as they are answered, and remember what was acknowledged.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- a writer does one thing after the other

const ORDER = JSON.stringify({
  userId: "usr_000000000001",
  items: [{ sku: "tea", quantity: 1, unitPriceCents: 5 }],
});
const TIMEOUT_MS = 5_000;
const PAUSE_AFTER_FAILURE_MS = 50;

/** Writers at work. */
export interface OrderWriters {
  /** Ids of the orders that were answered with 201 so far. */
  readonly acknowledged: readonly string[];
  /** Requests that were not. */
  readonly failures: number;
  /** Resolves when each has its last answer. */
  stop(): Promise<void>;
}

/** Starts `count` writers. */
export function startOrderWriters(url: string, count: number): OrderWriters {
  const acknowledged: string[] = [];
  let failures = 0;
  let stopped = false;

  async function write(): Promise<void> {
    while (!stopped) {
      const id = await placeOrder(url).catch(() => undefined); // the connection, or too late
      if (id !== undefined) {
        acknowledged.push(id);
        continue;
      }
      failures++;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_FAILURE_MS));
    }
  }

  const writers = Array.from({ length: count }, write);
  return {
    acknowledged,
    get failures() {
      return failures;
    },
    async stop() {
      stopped = true;
      await Promise.all(writers);
    },
  };
}

async function placeOrder(url: string): Promise<string | undefined> {
  const response = await fetch(`${url}/api/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: ORDER,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { id } = await response.json();
  return response.status === 201 ? id : undefined;
}

/** Those of `ids` that cannot be read. Asks a few times, because what was away comes back step by step. */
export async function unreadable(url: string, ids: readonly string[]): Promise<string[]> {
  let left = [...ids];
  for (let attempt = 0; attempt < 5 && left.length > 0; attempt++) {
    const missing: string[] = [];
    const queue = left.values();
    const read = async () => {
      for (const id of queue) if (!await isReadable(url, id)) missing.push(id);
    };
    await Promise.all(Array.from({ length: 16 }, read));
    left = missing;
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return left;
}

async function isReadable(url: string, id: string): Promise<boolean> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${url}/api/orders/${id}`, { signal });
  const order = await response.json();
  return response.status === 200 && order.id === id;
}
