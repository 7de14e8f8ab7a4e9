import assert from "node:assert/strict";
import { Problem, PROBLEMS, type ProblemType } from "./problem.ts";

Deno.test("Problem.toResponse() renders every kind as RFC 9457", async () => {
  for (const type of Object.keys(PROBLEMS) as ProblemType[]) {
    const response = new Problem(type).toResponse("request-1");
    const { status, title } = PROBLEMS[type];
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal(response.headers.get("cache-control"), "no-store");
    // deno-lint-ignore no-await-in-loop -- table
    assert.deepEqual(await response.json(), {
      type: `/problems/${type}`,
      title,
      status,
      requestId: "request-1",
    });
  }
});

Deno.test("Problem.toResponse() sends detail, errors and headers, never the cause", async () => {
  const errors = [{ field: "/name", message: "must be given" }];
  const problem = new Problem("schema-violation", {
    detail: "The body is wrong",
    errors,
    headers: { "retry-after": "1" },
    cause: new Error("secret"),
  });
  const response = problem.toResponse();
  assert.equal(response.headers.get("retry-after"), "1");
  const text = await response.text();
  assert.equal(text.includes("secret"), false);
  assert.deepEqual(JSON.parse(text), {
    type: "/problems/schema-violation",
    title: "Schema violation",
    status: 422,
    detail: "The body is wrong",
    errors,
  });
  assert.equal((problem.cause as Error).message, "secret");
});
