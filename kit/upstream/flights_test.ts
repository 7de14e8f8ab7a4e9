import assert from "node:assert/strict";
import fc from "fast-check";
import { type Flight, flightKey, Flights } from "./flights.ts";

Deno.test("Flights finds what is in flight by path and credentials, and nothing else", () => {
  // Few, so that they meet, are removed and come again.
  const path = fc.constantFrom("", "/", "/users", "/users/1", "/users/2");
  const credentials = fc.constantFrom("", "\n", "a\n", "\na");
  const what = fc.constantFrom("add", "remove", "remove", "close all", "remove closed");
  const step = fc.record({ path, credentials, what });
  fc.assert(fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
    const flights = new Flights<never>();
    const model = new Map<string, Flight<never>>();
    const closed: Flight<never>[] = [];
    for (const { path, credentials, what } of steps) {
      const key = JSON.stringify([path, credentials]);
      const known = model.get(key);
      assert.equal(flights.find(flightKey(path, credentials)), known);
      if (what === "add" && !known) {
        model.set(key, flights.add(flightKey(path, credentials), { accept: path }));
      } else if (what === "remove" && known) {
        flights.remove(known);
        model.delete(key);
      } else if (what === "close all") {
        flights.closeAll();
        closed.push(...model.values());
        model.clear();
      } else if (what === "remove closed") {
        const flight = closed.splice(Math.floor(closed.length / 2), 1)[0];
        if (flight) flights.remove(flight);
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
