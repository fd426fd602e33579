// @ts-check
// Curves: accuracy of each learner, and the weights of groups of flows of one learner.
import { chart, swatch } from "./chart.js";
import { make, percent } from "./parts.js";
import { GROUPS } from "./run.js";

/**
 * @typedef {import("./run.js").Sample} Sample
 * @typedef {{ title: string, color: string, dashes: number[], values: (number | null)[] }} Line
 */

const SIZE = { width: 460, height: 230, em: 15 }; // of a drawing
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
function overSteps(svg, steps, lines, high, text, ink) {
  const last = Math.max(100, steps[steps.length - 1]), every = Math.ceil(steps.length / MOST_PLACES);
  const kept = steps.map((_, k) => k).filter((k) => k % every === 0 || k === steps.length - 1);
  chart(svg, {
    x: { low: 0, high: last, ticks: [[0, "0"], [last, `step ${last}`]] },
    y: { low: 0, high, ticks: [0, 0.5, 1].map((share) => [share * high, text(share * high)]) },
    lines: lines.map(({ title, color, dashes, values }) => ({ name: title, color, dashes, x: kept.map((k) => steps[k]), y: kept.map((k) => values[k]) })),
  }, SIZE, ink);
}

/** The last value that there is. @type {(values: (number | null)[]) => number | null | undefined} */
const latest = (values) => values.filter((value) => value !== null).pop();

/** @type {(list: Element, lines: Line[], text: (value: number) => string, ink: string) => void} */
function legend(list, lines, text, ink) {
  list.replaceChildren(...lines.map(({ title, color, dashes, values }) => {
    const last = latest(values);
    return make("li", {}, swatch({ color, dashes }, ink), ` ${title} `, make("b", {}, last == null ? "–" : text(last)));
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
  overSteps(places.accuracy, steps, accuracy, 1, percent, ink);
  const shown = (/** @type {number} */ value) => String(Number(value.toFixed(2)));
  overSteps(places.weights, steps, weights, Math.ceil(high * 2) / 2, shown, ink);
  legend(places.accuracyList, accuracy, percent, ink);
  legend(places.weightsList, weights, (value) => value.toFixed(2), ink);
  const said = (/** @type {Line[]} */ lines, /** @type {(value: number) => string} */ text) => lines.map(({ title, values }) =>
    `${title} ${text(latest(values) ?? 0)}`).join(", ");
  places.accuracy.setAttribute("aria-label", `Accuracy on true labels at step ${steps[steps.length - 1]}: ${said(accuracy, percent)}`);
  places.weights.setAttribute("aria-label", `Weights of ${learners[active].title} by group of flows: ${said(weights, (value) => value.toFixed(2))}`);
}
