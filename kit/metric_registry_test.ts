import assert from "node:assert/strict";
import { MetricRegistry } from "./metric_registry.ts";

Deno.test("MetricRegistry.text() is what Prometheus reads", () => {
  const metrics = new MetricRegistry();
  metrics.gauge("plain", "One value", () => -1.5);
  metrics.histogram("parts", "Parts of a distribution", () => [
    { suffix: "_bucket", labels: { le: "+Inf" }, value: 2 },
    { suffix: "_sum", value: 0.25 },
    { suffix: "_count", value: 2 },
  ]);
  metrics.counter("odd_total", "Labels that need care", () => [
    { labels: { text: 'quote " backslash \\ newline \n end' }, value: 1 },
    { value: 1e21 },
  ]);
  const text = metrics.text();
  assert.ok(text.endsWith("\n"));
  const value = /-?\d+(\.\d+)?(e[+-]\d+)?/.source;
  const label = /[a-z_]+="([^"\\\n]|\\["\\n])*"/.source;
  const line = new RegExp(`^[a-z][a-z0-9_]*(\\{${label}(,${label})*\\})? ${value}$`);
  let family = "";
  for (const text of metrics.text().trimEnd().split("\n")) {
    const [, kind, name, rest = ""] = /^# (HELP|TYPE) ([a-z0-9_]+) (.*)$/.exec(text) ?? [];
    if (kind === "HELP") family = name ?? "";
    else if (kind === "TYPE") assert.match(rest, /^(gauge|counter|histogram)$/);
    else assert.match(text, line);
    assert.ok((name ?? text).startsWith(family), "a family is not interrupted");
  }
  assert.ok(text.includes(String.raw`odd_total{text="quote \" backslash \\ newline \n end"} 1`));
});

Deno.test("MetricRegistry.gauge() refuses names that are taken or wrong", () => {
  const metrics = new MetricRegistry();
  metrics.gauge("taken", "Help", () => 1);
  for (const name of ["taken", "", "1a", "A", "a-b", "a b", "a\nb"]) {
    assert.throws(() => metrics.gauge(name, "Help", () => 1), TypeError, name);
  }
  assert.throws(() => metrics.gauge("fine", "two\nlines", () => 1), TypeError);
});
