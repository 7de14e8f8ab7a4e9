/**
 * The looks that tell whether an instance or a front serves.
 *
 * @module
 */

/** Whether a GET is answered with 200. */
export async function answersOk(url: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(url, { signal });
  await response.body?.cancel();
  return response.status === 200;
}

/**
 * Whether the front with this id answers a GET, on a connection of its own: two fronts may share a port.
 */
export async function answersAs(
  id: string,
  { url, signal }: { url: string; signal: AbortSignal },
): Promise<boolean> {
  const response = await fetch(url, { headers: { connection: "close" }, signal });
  await response.body?.cancel();
  return response.headers.get("x-instance-id") === id;
}
