/**
 * The report's look: one column, light and dark, fit for print. Series differ by colour and by dash.
 *
 * @module
 */

/** The whole style sheet; nothing is loaded from elsewhere. */
export const STYLESHEET = `
:root {
  color-scheme: light dark;
  --fg: #1b1f24; --muted: #57606a; --bg: #ffffff; --panel: #f6f8fa; --rule: #d0d7de;
  --held: #116329; --failed: #a40e26; --inconclusive: #7d4e00;
  --s0: #0b5cad; --s1: #b8460e; --s2: #1a7f37; --s3: #8250df; --s4: #6e5a00; --s5: #bf3989;
  --s6: #0a7b83; --s7: #57606a;
  /* From light to dark by how bad it is: told apart without colour. */
  --good: #a8d5b5; --delayed: #c08400; --failed-bar: #8e0b22; --card: #ffffff;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --fg: #e6edf3; --muted: #9ba6b2; --bg: #0d1117; --panel: #161b22; --rule: #30363d;
    --held: #56d364; --failed: #ff7b72; --inconclusive: #e3b341;
    --s0: #6cb6ff; --s1: #ff9b5e; --s2: #57d98a; --s3: #c297ff; --s4: #e3c04d; --s5: #ff80c4;
    --s6: #4fd1d9; --s7: #9ba6b2;
    --good: #1f5c38; --delayed: #a87510; --failed-bar: #ff7b72; --card: #11161d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; color: var(--fg);
  background: var(--bg); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
a { color: var(--s0); } :focus-visible { outline: 3px solid var(--s0); outline-offset: 2px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 1rem; top: .5rem; background: var(--bg); padding: .25rem .5rem; }
.muted, .events { color: var(--muted); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: .9rem; padding-bottom: .25rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
.below { display: block; font-weight: 400; font-size: .85rem; color: var(--muted); }
.outcome { font-weight: 600; white-space: nowrap; }
.outcome.held { color: var(--held); } .outcome.failed { color: var(--failed); }
.outcome.inconclusive { color: var(--inconclusive); }
.answer { font-size: 1.1rem; border-left: 4px solid var(--s0); padding-left: .8rem; margin: .75rem 0; }
.warnings { border: 1px solid var(--inconclusive); border-radius: 6px; padding: .5rem 1rem .5rem 2rem; }
pre {
  background: var(--panel); padding: .75rem 1rem; border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
figure {
  margin: 1rem 0 1.5rem; padding: .8rem 1rem .6rem; background: var(--card);
  border: 1px solid var(--rule); border-radius: 8px; overflow-x: auto;
}
figcaption { font-weight: 600; margin-bottom: .4rem; }
/* Below this the letters of a chart could not be read: it is scrolled instead. */
figure > svg { width: 100%; min-width: 34rem; height: auto; display: block; }
figure .events { margin: .25rem 0; }
.panel { margin: .75rem 0 0; font-size: .9rem; font-weight: 600; color: var(--muted); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .25rem 0; font-size: .9rem; }
.legend svg { width: 28px; height: 10px; margin-right: .4rem; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--fg); }
svg .group { font-weight: 600; } svg .value { fill: var(--muted); }
.grid path { stroke: var(--rule); stroke-width: 1; fill: none; }
.axis > path { stroke: var(--muted); fill: none; }
.line, .interval { fill: none; stroke-width: 2; } .interval { stroke-width: 1.5; }
.dots { fill: none; stroke-width: 3.5; stroke-linecap: round; opacity: .6; }
.dots:is(.s1, .s3, .s5, .s7) { stroke-linecap: square; }
.outline { stroke-width: 1; fill-opacity: .35; }
.crosses { stroke: var(--failed); stroke-width: 1.6; fill: none; }
.band { opacity: .15; } .band:is(path) { stroke: none; } .bar { fill: var(--s0); opacity: .25; }
.theory { fill: none; stroke: var(--fg); stroke-width: 1.5; }
.span { fill: var(--muted); opacity: .12; }
.event path { stroke: var(--fg); stroke-dasharray: 3 3; fill: none; } .event text { font-weight: 600; }
.event .bracket { stroke-width: 4; stroke-dasharray: none; opacity: .45; }
.good { fill: var(--good); background: var(--good); }
.delayed { fill: var(--delayed); background: var(--delayed); }
.failed:is(path, i) { fill: var(--failed-bar); background: var(--failed-bar); }
.swatch { border: 1px solid var(--muted); border-radius: 2px; print-color-adjust: exact; }
${
  Array.from(
    { length: 8 },
    (_, index) =>
      `.s${index} { stroke: var(--s${index}); } .point.s${index}, .outline.s${index}, .band.s${index} { fill: var(--s${index}); }`,
  ).join("\n")
}
.line.s1 { stroke-dasharray: 7 3; } .line.s2 { stroke-dasharray: 2 3; } .line.s3 { stroke-dasharray: 9 3 2 3; }
.line.s4 { stroke-dasharray: 12 4; } .line.s5 { stroke-dasharray: 4 4; } .line.s6 { stroke-dasharray: 1 4; }
.line.s7 { stroke-dasharray: 6 2 1 2; }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; } figure, tr, pre, .answer { break-inside: avoid; }
  h2, h3 { break-after: avoid; } .scroll, figure { overflow: visible; }
  figure > svg { min-width: 0; } nav, .skip { display: none; }
  /* Nobody can open them on paper. */
  details::details-content { content-visibility: visible; height: auto; }
}
`;
