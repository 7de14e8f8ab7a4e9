/**
 * HTML and SVG text that cannot be injected into: whatever is interpolated is escaped unless it is
 * {@linkcode Markup} itself.
 *
 * @module
 */

/** Text that is already HTML or SVG. */
export class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The HTML or SVG text. */
  toString(): string {
    return this.#text;
  }
}

/** What {@linkcode markup} takes; `null`, `undefined` and `false` render as nothing, arrays are joined. */
export type MarkupValue =
  | Markup
  | string
  | number
  | null
  | undefined
  | false
  | readonly MarkupValue[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function render(value: MarkupValue): string {
  if (value instanceof Markup) return value.toString();
  if (value === null || value === undefined || value === false) return "";
  if (Array.isArray(value)) return value.map(render).join("");
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/**
 * Tagged template that escapes what is interpolated.
 *
 * @example
 * ```ts
 * markup`<p>${"a < b"}</p>`.toString(); // <p>a &lt; b</p>
 * ```
 */
export function markup(strings: TemplateStringsArray, ...values: MarkupValue[]): Markup {
  let text = strings[0] ?? "";
  values.forEach((value, index) => text += render(value) + (strings[index + 1] ?? ""));
  return new Markup(text);
}
