import assert from "node:assert/strict";
import { createRandom } from "../stats/random.ts";
import { CLIENTS, drawClientAddresses } from "./client_addresses.ts";

Deno.test("drawClientAddresses() gives every client a network of its own, the same for the same seed", () => {
  const addresses = drawClientAddresses(createRandom(1));
  assert.ok(addresses.every((address) => /^127(\.\d{1,3}){3}$/.test(address)), `${addresses}`);
  const networks = new Set(addresses.map((address) => address.split(".", 3).join(".")));
  assert.equal(networks.size, CLIENTS);
  assert.deepEqual(drawClientAddresses(createRandom(1)), addresses);
});

Deno.test("drawClientAddresses() draws other clients from another seed", () => {
  const before = new Set(drawClientAddresses(createRandom(1)));
  assert.ok(drawClientAddresses(createRandom(2)).every((address) => !before.has(address)));
});
