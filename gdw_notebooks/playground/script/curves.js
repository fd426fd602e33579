// @ts-check
// Curves: accuracy of each learner, and the weights of groups of flows of one learner.
import { draw, percent, seen } from "./parts.js";
import { GROUPS } from "./run.js";

/**
 * @typedef {import("./run.js").Sample} Sample
 * @typedef {{ title: string, color: string, dashes: number[], values: (number | null)[] }} Line
 */

const WIDTH = 460, HEIGHT = 230, LEFT = 56, RIGHT = 16, TOP = 12, BOTTOM = 30; // of a drawing
const MOST_PLACES = 230; // of a line: more would be finer than a pixel

/**
 * A drawing of lines over the steps.
 * @param {SVGElement} svg
 * @param {number[]} steps
 * @param {Line[]} lines
 * @param {number} high the axis ends there
 * @param {(value: number) => string} text of a value
 * @param {string} ink
 */
function chart(svg, steps, lines, high, text, ink) {
  const last = Math.max(100, steps[steps.length - 1]), every = Math.ceil(steps.length / MOST_PLACES);
  const x = (/** @type {number} */ step) => LEFT + (step / last) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => HEIGHT - BOTTOM - (Math.min(value, high) / high) * (HEIGHT - TOP - BOTTOM);
  svg.replaceChildren();
  for (const share of [0, 0.5, 1]) {
    const at = y(share * high);
    svg.append(draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at, class: "grid" }),
      draw("text", { x: LEFT - 7, y: at + 5, "text-anchor": "end" }, text(share * high)));
  }
  svg.append(draw("text", { x: WIDTH - RIGHT, y: HEIGHT - 7, "text-anchor": "end" }, `step ${last}`),
    draw("text", { x: LEFT, y: HEIGHT - 7 }, "0"));
  for (const { color, dashes, values } of lines) {
    const places = values.map((value, k) => /** @type {const} */ ([steps[k], value]))
      .filter(([, value], k) => value !== null && (k % every === 0 || k === values.length - 1));
    if (!places.length) continue;
    const path = places.map(([step, value], k) => `${k ? "L" : "M"}${x(step).toFixed(1)} ${y(value ?? 0).toFixed(1)}`).join("");
    const [step, value] = places[places.length - 1], stroke = seen(color, ink);
    svg.append(draw("path", { d: path, stroke, "stroke-dasharray": dashes.map((each) => each * 2.4).join(" "), class: "line" }),
      draw("circle", { cx: x(step), cy: y(value ?? 0), r: 4.5, fill: stroke }));
  }
}

/** The last value that there is. @type {(values: (number | null)[]) => number | null | undefined} */
const latest = (values) => values.filter((value) => value !== null).pop();

/** @type {(list: Element, lines: Line[], text: (value: number) => string, ink: string) => void} */
function legend(list, lines, text, ink) {
  list.replaceChildren(...lines.map(({ title, color, dashes, values }) => {
    const swatch = draw("svg", { viewBox: "0 0 30 8", width: 30, height: 8, "aria-hidden": "true" },
      draw("path", { d: "M0 4H30", stroke: seen(color, ink), "stroke-dasharray": dashes.map((each) => each * 1.6).join(" "), class: "line" }));
    const last = latest(values), item = document.createElement("li");
    item.append(swatch, ` ${title} `, Object.assign(document.createElement("b"), { textContent: last == null ? "–" : text(last) }));
    return item;
  }));
}

/**
 * Both drawings with their legends.
 * @param {{ accuracy: SVGElement, weights: SVGElement, accuracyList: Element, weightsList: Element }} places
 * @param {Sample[]} samples
 * @param {import("./parts.js").LineLook[]} learners
 * @param {number} active whose weights are shown
 * @param {{ color: string, dashes: number[] }[]} groups
 * @param {string} ink
 */
export function drawCurves(places, samples, learners, active, groups, ink) {
  const steps = samples.map((sample) => sample.step);
  const accuracy = learners.map((look, k) => ({ ...look, values: samples.map((sample) => sample.accuracy[k]) }));
  const weights = groups.map((look, k) => ({ ...look, title: GROUPS[k], values: samples.map((sample) => sample.weights[active][k]) }));
  const high = Math.max(1, ...weights.flatMap((line) => line.values.map((value) => Math.min(3, value ?? 0))));
  chart(places.accuracy, steps, accuracy, 1, percent, ink);
  const shown = (/** @type {number} */ value) => String(Number(value.toFixed(2)));
  chart(places.weights, steps, weights, Math.ceil(high * 2) / 2, shown, ink);
  legend(places.accuracyList, accuracy, percent, ink);
  legend(places.weightsList, weights, (value) => value.toFixed(2), ink);
  const said = (/** @type {Line[]} */ lines, /** @type {(value: number) => string} */ text) => lines.map(({ title, values }) =>
    `${title} ${text(latest(values) ?? 0)}`).join(", ");
  places.accuracy.setAttribute("aria-label", `Accuracy on true labels at step ${steps[steps.length - 1]}: ${said(accuracy, percent)}`);
  places.weights.setAttribute("aria-label", `Weights of ${learners[active].title} by group of flows: ${said(weights, (value) => value.toFixed(2))}`);
}
