// @ts-check
// One plot from numbers: lines with bands, bars, or points over regions. The lab, the site and the playground draw with it.
import { draw, seen } from "./parts.js";

/**
 * @typedef {{ low: number, high: number, label?: string, ticks: [number, string][] }} Axis
 * @typedef {{ name: string, color: string, dashes: number[], pale?: boolean, x: number[], y: (number | null)[],
 *             low?: (number | null)[], high?: (number | null)[] }} Line low, high: edges of its band
 * @typedef {{ name: string, color: string, hollow: boolean, y: (number | null)[], spread?: number[] }} Bars one for each group
 * @typedef {{ x: number[], y: number[], fill: string[], ring: string[], radius: number[], square: boolean[] }} Points
 *   radius: 1 is a 30th of the plot's width; square: of a wrong label
 * @typedef {{ rows: string[], colors: string[] }} Regions rows from the lowest y up, a letter from "0" on for each cell: a colour's place
 * @typedef {{ title?: string, x: Axis, y: Axis, lines?: Line[], bars?: Bars[], regions?: Regions, points?: Points,
 *             marked?: number | null }} Plot with regions, a unit of x is as long as a unit of y; words below x may have lines
 * @typedef {{ width: number, height: number, em: number }} Size in pixels; em: of a letter
 */

const BARS_WIDE = 0.8; // of the distance between two groups
const TINT = 0.35; // opacity of a region
const POINT = 30; // of a plot's width: the unit of its points
const LETTER = 0.68; // of em: a letter's width at most, usually, with the gap to the next name
const TURN = 40, RISE = Math.sin((TURN * Math.PI) / 180); // degrees of names that stand aslant, and what they take of the height
const DASH = 0.16; // of a letter: the unit of a line's dashes

/**
 * The plot in an svg element, whatever was there before.
 * @param {Element} svg
 * @param {Plot} plot
 * @param {Size} size
 * @param {string} ink colour of letters
 */
export function chart(svg, plot, { width, height, em }, ink) {
  const letters = Math.max(...plot.y.ticks.map(([, text]) => text.length)), below = plot.x.ticks.map(([, text]) => text.split("\n"));
  const left = (0.7 * letters + 0.6) * em, right = width - 0.9 * em;
  const widest = Math.max(...below.flat().map((line) => line.length), 0) * LETTER * em;
  const turned = Boolean(plot.bars) && widest * below.length > right - left; // names that would touch stand aslant, without a second line
  const rows = turned ? (widest / em) * RISE / 1.2 : Math.max(1, ...below.map((lines) => lines.length));
  const box = { left, right, top: (plot.title ? 2 : 0.7) * em, bottom: height - ((plot.x.label ? 1.7 : 0.6) + 1.2 * rows) * em };
  if (plot.regions) {
    const unit = Math.min((box.right - box.left) / (plot.x.high - plot.x.low), (box.bottom - box.top) / (plot.y.high - plot.y.low));
    box.right = box.left + unit * (plot.x.high - plot.x.low);
    box.bottom = box.top + unit * (plot.y.high - plot.y.low);
  }
  const place = (/** @type {Axis} */ axis, /** @type {number} */ from, /** @type {number} */ to) => (/** @type {number} */ value) =>
    from + ((Math.min(Math.max(value, axis.low), axis.high) - axis.low) / (axis.high - axis.low || 1)) * (to - from);
  const x = place(plot.x, box.left, box.right), y = place(plot.y, box.bottom, box.top);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  for (const [value, text] of plot.y.ticks)
    svg.append(draw("line", { x1: box.left, x2: box.right, y1: y(value), y2: y(value), class: "grid" }),
      draw("text", { x: box.left - 0.4 * em, y: y(value) + 0.35 * em, "text-anchor": "end" }, text));
  plot.x.ticks.forEach(([value], k, { length }) => below[k].slice(0, turned ? 1 : undefined).forEach((line, row) => {
    const at = { x: x(value), y: box.bottom + (turned ? 0.9 : 1.3 + 1.2 * row) * em };
    svg.append(turned ? draw("text", { ...at, "text-anchor": "end", transform: `rotate(${-TURN} ${at.x} ${at.y})` }, line)
      : draw("text", { ...at, "text-anchor": plot.bars ? "middle" : k === length - 1 ? "end" : k ? "middle" : "start" }, line));
  }));
  if (plot.x.label) svg.append(draw("text", { x: (box.left + box.right) / 2, y: height - 0.4 * em, "text-anchor": "middle" }, plot.x.label));
  if (plot.title) svg.append(draw("text", { x: box.left, y: 1.1 * em, class: "head" }, plot.title));
  if (plot.marked) svg.append(draw("line", { x1: x(plot.marked), x2: x(plot.marked), y1: box.top, y2: box.bottom, stroke: ink, "stroke-dasharray": "2 3" }));
  for (const line of plot.lines ?? []) drawLine(svg, line, x, y, em, ink);
  if (plot.regions) drawRegions(svg, plot.regions, box, ink);
  if (plot.points) drawPoints(svg, plot.points, x, y, (box.right - box.left) / POINT, ink);
  (plot.bars ?? []).forEach((bars, k, { length }) => drawBars(svg, bars, k, length, x, y, em, ink));
}

/** @typedef {(value: number) => number} Scale */

/** @type {(svg: Element, line: Line, x: Scale, y: Scale, em: number, ink: string) => void} */
function drawLine(svg, line, x, y, em, ink) {
  const color = seen(line.color, ink), at = (/** @type {number} */ k, /** @type {number} */ value) => `${x(line.x[k]).toFixed(1)},${y(value).toFixed(1)}`;
  const known = line.x.map((_, k) => k).filter((k) => line.y[k] !== null);
  if (!known.length) return;
  if (line.low && line.high) {
    const { low, high } = line, edge = [...known.map((k) => at(k, low[k] ?? 0)), ...known.map((k) => at(k, high[k] ?? 0)).reverse()];
    svg.append(draw("polygon", { points: edge.join(" "), fill: color, opacity: 0.18 }));
  }
  const path = known.map((k, place) => `${place && known[place - 1] === k - 1 ? "L" : "M"}${at(k, /** @type {number} */ (line.y[k]))}`).join("");
  const last = known[known.length - 1];
  svg.append(draw("path", { d: path, stroke: color, "stroke-dasharray": dashed(line, em), class: "line", opacity: line.pale ? 0.4 : 1,
    ...(line.pale ? { style: "stroke-width: 1.5" } : {}) }));
  if (!line.pale) svg.append(draw("circle", { cx: x(line.x[last]), cy: y(/** @type {number} */ (line.y[last])), r: 0.28 * em, fill: color }));
}

/** @type {(svg: Element, bars: Bars, place: number, count: number, x: Scale, y: Scale, em: number, ink: string) => void} */
function drawBars(svg, bars, place, count, x, y, em, ink) {
  const color = seen(bars.color, ink), wide = (BARS_WIDE / count) * (x(1) - x(0));
  bars.y.forEach((value, k) => {
    if (value === null) return;
    const left = x(k) + (place - count / 2) * wide, middle = left + wide / 2, spread = bars.spread?.[k];
    svg.append(draw("rect", { x: left + 1, width: Math.max(1, wide - 2), y: y(value), height: Math.max(0.5, y(0) - y(value)),
      fill: bars.hollow ? "none" : color, stroke: color, "stroke-width": 2 }));
    if (spread) svg.append(draw("line", { x1: middle, x2: middle, y1: y(value - spread), y2: y(value + spread), stroke: ink, "stroke-width": 0.12 * em }));
  });
}

/** Cells of one colour in a row are one rectangle; a border is drawn where two cells differ.
 * @type {(svg: Element, regions: Regions, box: { left: number, right: number, top: number, bottom: number }, ink: string) => void} */
function drawRegions(svg, { rows, colors }, { left, right, top, bottom }, ink) {
  const wide = (right - left) / rows[0].length, high = (bottom - top) / rows.length;
  const fills = colors.map(() => ""), at = (/** @type {number} */ value) => value.toFixed(1);
  let border = "";
  rows.forEach((row, k) => {
    const y = at(bottom - k * high);
    for (let from = 0, to = 0; from < row.length; from = to) {
      while (to < row.length && row[to] === row[from]) to++;
      fills[row.charCodeAt(from) - 48] += `M${at(left + from * wide)},${y}h${at((to - from) * wide)}v${at(-high - 0.1)}H${at(left + from * wide)}z`;
      if (to < row.length) border += `M${at(left + to * wide)},${y}v${at(-high)}`;
      for (let cell = from; k && cell < to; cell++) if (rows[k - 1][cell] !== row[cell]) border += `M${at(left + cell * wide)},${y}h${at(wide)}`;
    }
  });
  fills.forEach((d, k) => { if (d) svg.append(draw("path", { d, fill: seen(colors[k], ink), opacity: TINT })); });
  svg.append(draw("path", { d: border, stroke: ink, "stroke-width": 0.8, fill: "none" }));
}

/** @type {(svg: Element, points: Points, x: Scale, y: Scale, unit: number, ink: string) => void} */
function drawPoints(svg, points, x, y, unit, ink) {
  points.x.forEach((value, k) => {
    const radius = points.radius[k] * unit, look = { fill: seen(points.fill[k], ink), stroke: seen(points.ring[k], ink), "stroke-width": (points.square[k] ? 0.14 : 0.05) * unit, "data-point": k };
    svg.append(points.square[k]
      ? draw("rect", { x: x(value) - radius, y: y(points.y[k]) - radius, width: 2 * radius, height: 2 * radius, ...look })
      : draw("circle", { cx: x(value), cy: y(points.y[k]), r: radius, ...look }));
  });
}

/** @type {(line: { dashes: number[] }, em: number) => string} */
export const dashed = ({ dashes }, em) => dashes.map((each) => (each * DASH * em).toFixed(1)).join(" ");

/** What a legend shows of a line or of bars. @type {(entry: { color: string, dashes?: number[], hollow?: boolean, pale?: boolean }, ink: string) => Element} */
export function swatch(entry, ink) {
  const color = seen(entry.color, ink);
  const inside = entry.dashes
    ? draw("path", { d: "M0 5H32", stroke: color, "stroke-dasharray": dashed({ dashes: entry.dashes }, 10), class: "line", opacity: entry.pale ? 0.4 : 1 })
    : draw("rect", { x: 2, y: 1, width: 28, height: 8, fill: entry.hollow ? "none" : color, stroke: color, "stroke-width": 2 });
  return draw("svg", { viewBox: "0 0 32 10", width: 32, height: 10, class: "swatch", "aria-hidden": "true" }, inside);
}
