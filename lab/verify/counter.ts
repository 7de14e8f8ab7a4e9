/**
 * Check 2: state in an instance is not shared, state in Redis is.
 *
 * @module
 */
import { type Check, get } from "./check.ts";

const REPLICAS = 3;
const ROUNDS = 3;

/** The counter of each instance, and the shared one, under round-robin. */
export const counter: Check = {
  title: "Stateful counter under round-robin",
  replicas: REPLICAS,
  async run({ url }) {
    const own = await countOneByOne(`${url}/api/count`);
    const shared = await countOneByOne(`${url}/api/count/shared`);
    const byInstance = Map.groupBy(own, ({ instance }) => instance);
    const fair = byInstance.size === REPLICAS &&
      [...byInstance.values()].every((each) => each.length === ROUNDS && rises(each));
    const seen = [...byInstance]
      .map(([instance, each]) => `${instance} ${each.map(({ count }) => count).join(",")}`);
    return {
      passed: fair && rises(shared),
      seen: `${seen.sort().join("; ")}; shared ${shared.map(({ count }) => count).join(",")}`,
    };
  },
};

interface Count {
  count: number;
  instance: string;
}

async function countOneByOne(url: string): Promise<Count[]> {
  const counts: Count[] = [];
  for (let i = 0; i < REPLICAS * ROUNDS; i++) {
    // deno-lint-ignore no-await-in-loop -- one after the other is the point
    counts.push((await get(url)).body);
  }
  return counts;
}

/** Whether each count is one more than the one before. They need not start at 1: others count too. */
function rises(counts: readonly Count[]): boolean {
  return counts.every(({ count }, i) => i === 0 || count === (counts[i - 1]?.count ?? NaN) + 1);
}
