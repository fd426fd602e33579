// @ts-check
// The chosen point in numbers: for each learner and each class the push, the weight and what the clean set asks for.
import { make, SHAPES, signed } from "./parts.js";

/**
 * @typedef {import("./run.js").Reading} Reading
 * @typedef {import("./parts.js").Looks} Looks
 */

const SMALLEST = 1e-7; // a smaller g is no wish

/** A class as a word with its shape and colour. @type {(looks: Looks, label: number) => HTMLElement} */
export function classWord(looks, label) {
  const { name, color } = looks.classes[label];
  return make("span", { class: "class" }, make("span", { class: "shape", style: `color:${color}`, "aria-hidden": "true" }, SHAPES[label]), ` ${name}`);
}

/** @type {(flow: number, weight: number, g: number | null, color: string) => HTMLElement} */
function cell(flow, weight, g, color) {
  const push = -flow * weight, half = (/** @type {number} */ value) => 50 * Math.min(1, Math.abs(value));
  const bar = (/** @type {number} */ value, /** @type {string} */ kind) => make("span", {
    class: `bar ${kind}`, style: `background:${color};width:${half(value)}%;${value < 0 ? "right" : "left"}:50%`,
  });
  const asks = g === null ? "" : Math.abs(g) < SMALLEST ? "·" : g < 0 ? "▲" : "▼";
  const wish = g === null ? "no clean set" : Math.abs(g) < SMALLEST ? "the clean set does not mind" : g < 0 ? "the clean set wants more of it" : "the clean set wants less of it";
  return make("td", {},
    make("span", { class: "track", "aria-hidden": "true" }, bar(-flow, "pale"), bar(push, "full")),
    make("span", { class: "numbers" }, make("b", {}, signed(push)),
      make("span", { class: "detail" }, ` = ${signed(-flow)} × ${weight.toFixed(2)}`), " ",
      make("span", { class: "wish", title: g === null ? wish : `${wish}: g = ${g.toExponential(1)}` }, asks,
        make("span", { class: "unseen" }, wish))));
}

/**
 * The table of a training point.
 * @param {HTMLTableElement} table
 * @param {Looks} looks
 * @param {string[]} learners
 * @param {Reading[]} readings
 */
export function drawFlows(table, looks, learners, readings) {
  const head = make("tr", {}, make("td", {}), ...learners.map((name) => make("th", { scope: "col" }, looks.learners[name].title)));
  const rows = looks.classes.map(({ color }, c) => make("tr", {}, make("th", { scope: "row" }, classWord(looks, c)),
    ...readings.map(({ flows, weights, g }) => cell(flows[c], weights[c], g && g[c], color))));
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
}
