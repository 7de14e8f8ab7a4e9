/**
 * What queueing theory expects, to hold measurements against.
 *
 * @module
 */

/** Little's law, L = lambda W: mean number in the system (J. Little, Operations Research 9 (1961) 383-387). */
export function littleConcurrency(ratePerSecond: number, meanLatencyMs: number): number {
  return ratePerSecond * meanLatencyMs / 1000;
}

/**
 * How far a closed loop is from Little's law: 0 when its clients were always waiting for an answer, -0.2 when a fifth of
 * them was not. Clients start together and end one by one after the time that they were given, so the law speaks of a range:
 * at least all of them for `durationSeconds`, at most for `totalSeconds`.
 */
export function closedLoopGap(loop: {
  clients: number;
  requests: number;
  meanLatencyMs: number;
  durationSeconds: number;
  totalSeconds: number;
}): number {
  const { clients, requests, meanLatencyMs, durationSeconds, totalSeconds } = loop;
  const least = littleConcurrency(requests / totalSeconds, meanLatencyMs) / clients - 1;
  const most = littleConcurrency(requests / durationSeconds, meanLatencyMs) / clients - 1;
  return most < 0 ? most : Math.max(0, least);
}

/**
 * Erlang C: the probability that an arrival to an M/M/c queue must wait, through the recursion of Erlang B, which does
 * not overflow (L. Kleinrock, Queueing Systems I, 1975, section 3.5).
 *
 * @param load offered load in erlangs, arrival rate over service rate; must be below `servers`
 */
export function erlangC(servers: number, load: number): number {
  if (!(Number.isInteger(servers) && servers >= 1)) {
    throw new RangeError(
      `Cannot use Erlang C: servers must be a positive integer, received "${servers}"`,
    );
  }
  if (!(load >= 0 && load < servers)) {
    throw new RangeError(`Cannot use Erlang C: load must be 0 to ${servers}, received "${load}"`);
  }
  let blocking = 1;
  for (let c = 1; c <= servers; c++) blocking = load * blocking / (c + load * blocking);
  return blocking / (1 - load / servers * (1 - blocking));
}

/** Mean wait before service in an M/M/c queue, in ms. */
export function mmcWaitMs(
  queue: { servers: number; ratePerSecond: number; serviceMs: number },
): number {
  const { servers, ratePerSecond, serviceMs } = queue;
  const load = ratePerSecond * serviceMs / 1000;
  return erlangC(servers, load) * serviceMs / (servers - load);
}

/** Requests a second that `replicas` of `limit` concurrent requests can do when each holds its place for `serviceMs`. */
export function concurrencyCapacity(
  pool: { replicas: number; limit: number; serviceMs: number },
): number {
  return pool.replicas * pool.limit * 1000 / pool.serviceMs;
}
