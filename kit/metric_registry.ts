/**
 * Metrics as Prometheus reads them (text format 0.0.4). Nothing is kept here: every value is read from
 * where it is when somebody scrapes.
 *
 * @module
 */

/** A value that is read when somebody scrapes; several, when labels tell them apart. */
export type ReadMetric = () => number | readonly MetricSample[];

/** One value of a metric. */
export interface MetricSample {
  labels?: Readonly<Record<string, string | number>>;
  value: number;
  /** What follows the name of the metric: the parts of a histogram. */
  suffix?: "_bucket" | "_sum" | "_count";
}

interface Family {
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  readonly read: ReadMetric;
}

/** Media type of {@linkcode MetricRegistry.text}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Metrics by name. */
export class MetricRegistry {
  readonly #families = new Map<string, Family>();

  /**
   * Adds a value that goes up and down.
   *
   * @throws {TypeError} when the name is taken or cannot be one
   */
  gauge(name: string, help: string, read: ReadMetric): void {
    this.#add("gauge", name, help, read);
  }

  /** Adds a value that only goes up; its name should end in `_total`. Throws as {@linkcode gauge} does. */
  counter(name: string, help: string, read: ReadMetric): void {
    this.#add("counter", name, help, read);
  }

  /** Adds the parts of distributions, whose samples have suffixes. Throws as {@linkcode gauge} does. */
  histogram(name: string, help: string, read: ReadMetric): void {
    this.#add("histogram", name, help, read);
  }

  /** Everything in the Prometheus text format, of type {@linkcode METRICS_TYPE}. */
  text(): string {
    const lines: string[] = [];
    for (const [name, { type, help, read }] of this.#families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      const values = read();
      const samples: readonly MetricSample[] = typeof values === "number"
        ? [{ value: values }]
        : values;
      for (const { labels, value, suffix = "" } of samples) {
        lines.push(`${name}${suffix}${renderLabels(labels)} ${value}`);
      }
    }
    return lines.join("\n") + "\n";
  }

  #add(type: Family["type"], name: string, help: string, read: ReadMetric): void {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || this.#families.has(name) || help.includes("\n")) {
      throw new TypeError(
        `Cannot add metric: the name must be new and match [a-z][a-z0-9_]*, the help be one line, received "${name}" and "${help}"`,
      );
    }
    this.#families.set(name, { type, help, read });
  }
}

function renderLabels(labels: MetricSample["labels"] = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const text = String(value).replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    return `${name}="${text.replaceAll('"', '\\"')}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
