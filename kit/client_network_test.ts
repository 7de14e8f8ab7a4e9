import assert from "node:assert/strict";
import { clientNetwork } from "./client_network.ts";

Deno.test("clientNetwork() is the address of IPv4 and the /64 of IPv6", () => {
  const cases: [string, string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:0db8::6", "2001:db8:0:0::/64"],
    ["2001:db8:1::5:6:7", "2001:db8:1:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"],
    ["1:2:3::4:5:192.0.2.7", "1:2:3:0::/64"],
    ["", ""],
  ];
  for (const [address, network] of cases) assert.equal(clientNetwork(address), network, address);
});
