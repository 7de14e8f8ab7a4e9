import assert from "node:assert/strict";
import fc from "fast-check";
import { type Flight, flightKey, Flights } from "./flights.ts";

Deno.test("Flights finds what is in flight by path and credentials, and nothing else", () => {
  // Few, so that they meet, are removed and come again.
  const path = fc.constantFrom("", "/", "/users", "/users/1", "/users/2");
  const credentials = fc.constantFrom("", "\n", "a\n", "\na");
  const step = fc.record({ path, credentials, add: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const flights = new Flights<never>();
    const model = new Map<string, Flight<never>>();
    for (const { path, credentials, add } of steps) {
      const key = JSON.stringify([path, credentials]);
      const known = model.get(key);
      assert.equal(flights.find(flightKey(path, credentials)), known);
      if (add && !known) {
        model.set(key, flights.add(flightKey(path, credentials), { accept: path }));
      } else if (!add && known) {
        flights.remove(known);
        model.delete(key);
      }
    }
    for (const flight of model.values()) {
      assert.equal(flights.find(flight), flight);
      assert.deepEqual(flight.headers, { accept: flight.path });
    }
  }));
});

Deno.test("Flights keeps those that share a bucket apart, whichever leaves first", () => {
  for (const leaver of Array.from({ length: 3_000 }, (_, i) => i).filter((i) => i % 250 === 0)) {
    const flights = new Flights<never>();
    const all = Array.from(
      { length: 3_000 },
      (_, i) => flights.add(flightKey(`/users/${i}`, ""), {}),
    );
    const gone = all[leaver];
    assert.ok(gone);
    flights.remove(gone);
    flights.remove(gone); // a second time changes nothing
    for (const flight of all) {
      assert.equal(flights.find(flight), flight === gone ? undefined : flight);
    }
  }
});

Deno.test("Flights leaves nothing in a flight that is over", () => {
  const flights = new Flights<never>();
  const first = flights.add(flightKey("/users", ""), { accept: "a" });
  const second = flights.add(flightKey("/users", "b"), { accept: "b" });
  flights.remove(second);
  flights.remove(first);
  assert.deepEqual([first, second].map(({ headers, next }) => ({ headers, next })), [
    { headers: {}, next: undefined },
    { headers: {}, next: undefined },
  ]);
});
