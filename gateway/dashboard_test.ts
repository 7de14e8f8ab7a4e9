import assert from "node:assert/strict";
import type { FakeServer } from "../testing/fake_send.ts";
import { createTestGateway } from "../testing/gateway.ts";

const answers: Record<string, () => Response | Promise<Response>> = {
  "http://users/users/u1": () => Response.json({ id: "u1", name: "Ada" }),
  "http://orders/orders?user=u1": () =>
    Response.json({ items: [{ id: "ord_1" }], nextCursor: "x" }),
  "http://payments/payments?user=u1": () => Response.json({ items: [] }),
};

function services(changed: typeof answers = {}): FakeServer {
  return ({ url }) => ({ ...answers, ...changed })[url]?.() ?? new Response(null, { status: 404 });
}

Deno.test("/api/dashboard joins the parts", async () => {
  const { app } = createTestGateway(services());
  const answer = await app.request("/api/dashboard?user=u1");
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), {
    user: { id: "u1", name: "Ada" },
    orders: [{ id: "ord_1" }],
    payments: [],
    errors: {},
  });
});

Deno.test("/api/dashboard asks for the parts at the same time, with one request id", async () => {
  const seen: Request[] = [];
  const all = Promise.withResolvers<void>();
  const { app } = createTestGateway(async (request) => {
    seen.push(request);
    if (seen.length === 3) all.resolve();
    await all.promise; // would never end if one waited for another
    return services()(request);
  });
  await app.request("/api/dashboard?user=u1", { headers: { "x-request-id": "dashboard-1" } });
  assert.deepEqual(
    seen.map(({ headers }) => headers.get("x-request-id")),
    Array(3).fill("dashboard-1"),
  );
});

for (
  const [name, answer, error] of [
    ["a 500", () => new Response(null, { status: 500 }), { type: "bad-gateway", status: 502 }],
    ["a 503", () => new Response(null, { status: 503 }), { type: "unavailable", status: 503 }],
    ["another shape", () => Response.json({ nothing: 1 }), { type: "bad-gateway", status: 502 }],
    ["no JSON", () => new Response("<html>"), { type: "bad-gateway", status: 502 }],
    ["nothing", () => Promise.reject(new TypeError("refused")), {
      type: "bad-gateway",
      status: 502,
    }],
  ] as const
) {
  Deno.test(`/api/dashboard names a part that answers with ${name}, and serves the rest`, async () => {
    const { app } = createTestGateway(services({ "http://payments/payments?user=u1": answer }));
    const response = await app.request("/api/dashboard?user=u1");
    assert.equal(response.status, 200);
    const { user, orders, payments, errors } = await response.json();
    assert.equal(user.id, "u1");
    assert.equal(orders.length, 1);
    assert.deepEqual(payments, []);
    assert.deepEqual(Object.keys(errors), ["payments"]);
    assert.equal(errors.payments.type, `/problems/${error.type}`);
    assert.equal(errors.payments.status, error.status);
    assert.equal(typeof errors.payments.title, "string");
  });
}

Deno.test("/api/dashboard names a part that hangs, before its own deadline", async () => {
  const { app, context } = createTestGateway(
    services({ "http://payments/payments?user=u1": () => new Promise(() => {}) }),
  );
  const pending = app.request("/api/dashboard?user=u1");
  await context.clock.advance(1_850);
  const { errors, orders } = await (await pending).json();
  assert.equal(errors.payments.status, 504);
  assert.equal(orders.length, 1);
});

Deno.test("/api/dashboard serves orders and payments while users is away", async () => {
  const { app } = createTestGateway(
    services({ "http://users/users/u1": () => new Response(null, { status: 500 }) }),
  );
  const answer = await app.request("/api/dashboard?user=u1");
  const { user, orders, errors } = await answer.json();
  assert.equal(user, null);
  assert.equal(orders.length, 1);
  assert.deepEqual(Object.keys(errors), ["users"]);
});

Deno.test("/api/dashboard answers 404 for a user that does not exist", async () => {
  const { app } = createTestGateway(services());
  const answer = await app.request("/api/dashboard?user=nobody");
  assert.equal(answer.status, 404);
  assert.match((await answer.json()).detail, /"nobody"/);
});

for (const query of ["", "?user=", "?user=a/../b", "?user=a&user=b", "?user=%26limit%3D1"]) {
  Deno.test(`/api/dashboard answers 400 to "${query}"`, async () => {
    let asked = 0;
    const { app } = createTestGateway((request) => {
      asked++;
      return services()(request);
    });
    const answer = await app.request(`/api/dashboard${query}`);
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).errors[0].field, "user");
    assert.equal(asked, 0);
  });
}
