/**
 * The health check of a container: exits with 0 when the URL given as argument answers 2xx. A program of
 * its own, so that the image needs neither a shell nor curl.
 *
 * @module
 */
import process from "node:process";

const [url = "http://127.0.0.1:3000/readyz"] = process.argv.slice(2);
const ready = await fetch(url, { signal: AbortSignal.timeout(4_000) })
  .then((response) => response.ok, () => false); // nobody listens, or too late: not ready either way
process.exit(ready ? 0 : 1);
