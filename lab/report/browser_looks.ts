/**
 * What a browser made of the report, read inside the page by the test of the report.
 *
 * @module
 */

/** The part of the DOM that is used here: the library of its types would change those of the whole project. */
interface PageElement {
  tagName: string;
  textContent: string | null;
  childNodes: Iterable<{ nodeType: number; textContent: string | null }>;
  parentElement: PageElement | null;
  getAttribute(name: string): string | null;
  matches(selector: string): boolean;
  querySelectorAll(selector: string): Iterable<PageElement>;
  getBoundingClientRect(): Record<"left" | "top" | "right" | "bottom" | "width" | "height", number>;
  /** Of shapes only. */
  getBBox(): { width: number; height: number };
  checkVisibility(options: { contentVisibilityAuto: boolean }): boolean;
  scrollWidth: number;
}
declare const document: {
  querySelectorAll(selector: string): Iterable<PageElement>;
  activeElement: PageElement | null;
  body: PageElement;
  documentElement: PageElement;
};
declare const innerWidth: number, innerHeight: number;
declare function getComputedStyle(
  element: PageElement,
): Record<
  "fill" | "stroke" | "color" | "backgroundColor" | "outlineStyle" | "outlineWidth",
  string
>;

/** A text in a picture, in pixels from the picture's corner. */
export interface TextBox {
  text: string;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** A chart as it was drawn. */
export interface Picture {
  name: string;
  width: number;
  height: number;
  /** Shapes with an extent and a colour. */
  marks: number;
  /** Labels on its axes that begin with a digit or a percentile. */
  ticks: number;
  texts: TextBox[];
}

/** Runs in the page, so it may use nothing from outside of it. */
export function looksOf(): { pictures: Picture[]; faint: string[] } {
  const pictures = [...document.querySelectorAll('svg[role="img"]')].map((svg): Picture => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map((element): TextBox => {
      const box = element.getBoundingClientRect();
      return {
        text: element.textContent ?? "",
        left: box.left - frame.left,
        top: box.top - frame.top,
        right: box.right - frame.left,
        bottom: box.bottom - frame.top,
      };
    });
    const shapes = [...svg.querySelectorAll(
      ".marks :is(path, circle, rect):not(.event *, .span)",
    )];
    return {
      name: svg.getAttribute("aria-label") ?? "",
      width: frame.width,
      height: frame.height,
      marks: shapes.filter((shape) => {
        const { width, height } = shape.getBBox();
        const { fill, stroke } = getComputedStyle(shape);
        return width + height > 0 && (fill !== "none" || stroke !== "none");
      }).length,
      ticks: [...svg.querySelectorAll(".axis text")]
        .filter(({ textContent }) => /^p?\d/.test(textContent ?? "")).length,
      texts,
    };
  });

  /** Relative luminance as WCAG 2 defines it. */
  function luminance(color: string): number {
    const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map(Number).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(a: string, b: string): number {
    const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  }

  function behind(element: PageElement | null): string {
    for (let at: PageElement | null = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!/^rgba\(.* 0\)$/.test(backgroundColor)) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  }

  const faint = new Set<string>();
  function judge(element: PageElement, color: string, least: number): void {
    const ratio = contrast(color, behind(element));
    if (ratio < least) {
      faint.add(`${element.tagName}.${element.getAttribute("class")}: ${ratio.toFixed(1)}:1`);
    }
  }
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const own = [...element.childNodes].some((node) =>
      node.nodeType === 3 && node.textContent?.trim()
    );
    if (element.matches("svg text")) judge(element, style.fill, 4.5);
    else if (element.matches(".line, .dots, .interval, .crosses, .theory")) {
      judge(element, style.stroke, 3);
    } else if (own && !element.matches("svg *, style")) judge(element, style.color, 4.5);
  }
  return { pictures, faint: [...faint] };
}

/** What has the focus; null when it has left the page. */
export function focusOf(): { label: string; seen: boolean; ring: boolean } | null {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return {
    label: `${element.tagName} ${(element.textContent ?? "").slice(0, 40)}`,
    seen: right > 0 && bottom > 0 && left < innerWidth && top < innerHeight,
    ring: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
  };
}

/** Labels, as in {@linkcode focusOf}, of all that a keyboard must reach. */
export function focusables(): string[] {
  return [...document.querySelectorAll("a, summary, [tabindex]")]
    .filter((element) => element.checkVisibility({ contentVisibilityAuto: true }))
    .map(({ tagName, textContent }) => `${tagName} ${(textContent ?? "").slice(0, 40)}`);
}

/** Colour and width of the page. */
export function pageOf(): { background: string; width: number } {
  return {
    background: getComputedStyle(document.body).backgroundColor,
    width: document.documentElement.scrollWidth,
  };
}
