import assert from "node:assert/strict";
import { createFindOrigin, setForwarded } from "./forwarded.ts";

const spoofed = {
  "x-forwarded-for": "6.6.6.6, 203.0.113.7",
  "x-forwarded-proto": "http, https",
};

for (
  const peer of [
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "::1",
    "fd00::1",
    "::ffff:127.0.0.1",
  ]
) {
  Deno.test(`findOrigin() believes the last entry of the front at ${peer}`, () => {
    assert.deepEqual(createFindOrigin()(new Headers(spoofed), peer), {
      address: "203.0.113.7",
      protocol: "https",
    });
  });
}

for (const peer of ["8.8.8.8", "172.32.0.1", "2001:db8::1", "rubbish"]) {
  Deno.test(`findOrigin() believes nothing that comes straight from ${peer}`, () => {
    assert.deepEqual(createFindOrigin()(new Headers(spoofed), peer), {
      address: peer,
      protocol: "http",
    });
  });
}

Deno.test("findOrigin() takes the peer when the front wrote rubbish", () => {
  const find = createFindOrigin();
  for (const written of ["unknown", "1.2.3.4.5", "1.2.3.4:80", "", "a:b:c", "<script>"]) {
    const headers = new Headers({ "x-forwarded-for": written });
    assert.deepEqual(find(headers, "10.0.0.1"), {
      address: "10.0.0.1",
      protocol: "http",
    });
  }
  assert.equal(
    find(new Headers({ "x-forwarded-for": "2001:db8::7" }), "::1").address,
    "2001:db8::7",
  );
});

Deno.test("findOrigin() trusts only the ranges it was given", () => {
  const find = createFindOrigin(["198.51.100.0/24"]);
  assert.equal(find(new Headers(spoofed), "198.51.100.9").address, "203.0.113.7");
  assert.equal(find(new Headers(spoofed), "198.51.101.9").address, "198.51.101.9");
  assert.equal(find(new Headers(spoofed), "127.0.0.1").address, "127.0.0.1");
  assert.equal(find(new Headers(spoofed), undefined).address, "");
});

for (const range of ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x", "host/8"]) {
  Deno.test(`createFindOrigin() throws when given the range "${range}"`, () => {
    assert.throws(() => createFindOrigin([range]), {
      name: "TypeError",
      message: `Cannot trust proxies: a CIDR range must be given, received "${range}"`,
    });
  });
}

Deno.test("setForwarded() tells what is known and not taken for granted", () => {
  const fields = {};
  setForwarded(fields, { address: "", protocol: "http" });
  assert.deepEqual(fields, {});
  setForwarded(fields, { address: "203.0.113.7", protocol: "https" });
  assert.deepEqual(fields, { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" });
});
