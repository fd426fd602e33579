// @ts-check
// The lab on records: two methods on one scenario, drawn from recorded runs. All numbers come from the records.
import { show, viewHost } from "../../../gdw_notebooks/panels/plots.js";
import { make, put, signed } from "../../../gdw_notebooks/playground/script/parts.js";

/**
 * @typedef {(number | null)[]} Numbers
 * @typedef {{ accuracy: Numbers[], classes: Numbers[][], weights: Numbers[][], scores: Numbers }} Runs of a method; first index: seed
 * @typedef {[number, number | null, number | null]} Difference its mean and the bounds of its interval
 * @typedef {{ title: string, class_names: string[], class_counts: number[], methods: Record<string, Runs>,
 *             differences: Record<string, Difference[]> }} Scenario
 * @typedef {{ color: string, dashes: number[] }} Look
 * @typedef {{ scenarios: Record<string, Scenario>, methods: Record<string, Look & { title: string }>,
 *             flows: Record<string, Look>, score_epochs: number }} Records
 * @typedef {{ caption: string, drawing: import("../../../gdw_notebooks/panels/plots.js").Drawing, head: string[],
 *             rows: (string | number)[][] }} View what is drawn, and the same as a table
 * @typedef {import("../../../gdw_notebooks/playground/script/chart.js").Axis} Axis
 */

/** @type {Records} */
const data = /** @type {any} */ (window).gdwData;
const PLAY_MS = 120, OTHERWISE = [5, 2]; // dashes of the second line, if both would look the same
/** @type {Record<string, [string, () => View]>} */
const VIEWS = { curves: ["test accuracy", curves], classes: ["accuracy of each class", classes], weights: ["weights of mislabelled pictures", weights] };
let epoch = 1, timer = 0;

/** @type {(values: Numbers) => number | null} */
const mean = (values) => {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
};
/** @type {(value: number | null, digits: number) => string} */
const text = (value, digits) => value?.toFixed(digits) ?? "none";
/** @type {(method: string) => string} */
const title = (method) => data.methods[method].title;

// ---- what is chosen -----------------------------------------------------------------------------------------------

/** @type {(label: string, entries: [string, string][], changed: () => void) => [HTMLSelectElement, HTMLElement]} */
function menu(label, entries, changed) {
  const select = make("select", { "aria-label": label, onchange: changed }, ...entries.map(([value, words]) => make("option", { value }, words)));
  return [select, make("label", {}, `${label} `, select)];
}
const [scenarios, scenarioLabel] = menu("Scenario", Object.entries(data.scenarios).map(([key, each]) => [key, each.title]), enter);
const [first, firstLabel] = menu("Method", [], update), [second, secondLabel] = menu("beside", [], update);
const [seeds, seedsLabel] = menu("Seeds", [], update);
const [view, viewLabel] = menu("View", Object.entries(VIEWS).map(([key, [words]]) => [key, words]), update);
const slider = make("input", { type: "range", min: 1, step: 1, "aria-label": "Epoch", oninput: () => {
  stop();
  epoch = Number(slider.value);
  update();
} });
const where = make("output", { class: "where" }), play = make("button", { type: "button", onclick: toggle }, "Play");
const host = viewHost(), caption = make("p", { class: "axis" });
const table = make("details", {}, make("summary", {}, "Data as a table"),
  make("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": "Data as a table" }));

const scenario = () => data.scenarios[scenarios.value], chosen = () => [first.value, second.value], count = () => Number(seeds.value);
/** @type {<Name extends keyof Runs>(method: string, name: Name) => Runs[Name]} */
const runs = (method, name) => /** @type {any} */ (scenario().methods[method][name].slice(0, count()));
const epochs = () => Object.values(scenario().methods)[0].accuracy[0].length;

function enter() {
  const kept = [first.value || "gdw", second.value || "cross-entropy"], methods = Object.keys(scenario().methods);
  [first, second].forEach((select, k) => {
    select.replaceChildren(...methods.map((method) => make("option", { value: method }, title(method))));
    select.value = methods.includes(kept[k]) ? kept[k] : methods[k];
  });
  const available = scenario().methods[methods[0]].scores.length;
  seeds.replaceChildren(...Array.from({ length: available }, (_, k) => make("option", { value: k + 1 }, `${k + 1}`)));
  seeds.value = String(available);
  epoch = epochs();
  slider.max = String(epoch);
  stop();
  update();
}
function stop() {
  clearInterval(timer);
  timer = 0;
  put(play, "Play");
}
function toggle() {
  if (timer) return stop();
  if (epoch === epochs()) epoch = 0;
  put(play, "Pause");
  const next = () => {
    epoch += 1;
    if (epoch >= epochs()) stop();
    update();
  };
  timer = setInterval(next, PLAY_MS);
  next();
}

// ---- what is said -------------------------------------------------------------------------------------------------

/** @type {() => Difference} */
function difference() {
  const [a, b] = chosen(), all = scenario().differences, n = count() - 1;
  if (all[`${a}|${b}`]) return all[`${a}|${b}`][n];
  const [value, low, high] = all[`${b}|${a}`][n];
  return [-value, high === null ? null : -high, low === null ? null : -low];
}
function said() {
  const [a, b] = chosen(), n = count(), [ours, theirs] = chosen().map((method) => text(mean(runs(method, "scores")), 1));
  if (a === b) return `${title(a)}: ${ours} %. Choose two different methods to compare them.`;
  const [value, low, high] = difference();
  const start = `Mean of the last ${data.score_epochs} epochs: ${title(a)} ${ours} %, ${title(b)} ${theirs} %. Difference ${signed(value, 1)} points`;
  if (low === null || high === null) return `${start}; ${n === 1 ? "one seed has" : "equal differences have"} no interval.`;
  const verdict = low > 0 ? `${title(a)} is ahead` : high < 0 ? `${title(b)} is ahead` : "no clear difference";
  return `${start}, 95 % interval [${signed(low, 1)}, ${signed(high, 1)}], paired over ${n} seeds: ${verdict}.`;
}

// ---- what is drawn ------------------------------------------------------------------------------------------------

/** @type {(high: number, unit: string, low?: number) => Axis} */
const upTo = (high, unit, low = 0) => ({ low, high, ticks: [low, (low + high) / 2, high].map((each) => [each, `${each}${unit}`]) });
/** @type {() => Axis} */
const overEpochs = () => ({ low: 1, high: epochs(), label: "epoch", ticks: [...new Set([1, Math.round(epochs() / 2), epochs()])].map((each) => [each, String(each)]) });
const passed = () => Array.from({ length: epoch }, (_, k) => k + 1);
/** Of each epoch so far, over the seeds. @type {(values: Numbers[], how: (values: Numbers) => number | null) => Numbers} */
const overSeeds = (values, how) => passed().map((each) => how(values.map((seed) => seed[each - 1])));
/** @type {() => (Look & { name: string })[]} */
const looks = () => chosen().map((method, k, [before]) => {
  const { color, dashes } = data.methods[method], same = k && String(dashes) === String(data.methods[before].dashes);
  return { name: title(method), color, dashes: same ? (dashes.length ? [] : OTHERWISE) : dashes };
});

/** @type {() => View} */
function curves() {
  const known = (/** @type {Numbers} */ values) => values.filter((value) => value !== null);
  const lines = looks().map((look, k) => {
    const values = runs(chosen()[k], "accuracy");
    return { ...look, x: passed(), y: overSeeds(values, mean), low: overSeeds(values, (each) => Math.min(...known(each))), high: overSeeds(values, (each) => Math.max(...known(each))) };
  });
  const all = known(chosen().flatMap((method) => runs(method, "accuracy").flat())).map((value) => Number(value) / 10);
  const y = upTo(10 * Math.ceil(Math.max(...all)), " %", 10 * Math.floor(Math.min(...all))); // as accuracy_axis in curves.py
  return {
    caption: "Test accuracy. Line: mean of the seeds; band: lowest to highest seed.",
    drawing: { words: `Curves of test accuracy up to epoch ${epoch}.`, title: said(), plots: [{ x: overEpochs(), y, lines }], legend: looks() },
    head: ["method", "seed", `test accuracy in %, epoch ${epoch}`],
    rows: chosen().flatMap((method) => runs(method, "accuracy").map((seed, s) => [title(method), s, text(seed[epoch - 1], 1)])),
  };
}
/** @type {() => View} */
function classes() {
  const { class_names: names, class_counts: counts } = scenario();
  const bars = looks().map(({ name, color }, k) => ({ name, color, hollow: k > 0,
    y: names.map((_, c) => mean(runs(chosen()[k], "classes").map((seed) => /** @type {any} */ (seed[epoch - 1])[c]))) }));
  return {
    caption: `Accuracy of each class at epoch ${epoch}, mean of the seeds.`,
    drawing: { words: `Accuracy of each class at epoch ${epoch}.`, title: said(), legend: bars.map(({ name, color, hollow }) => ({ name, color, hollow })),
      plots: [{ x: { low: -0.5, high: names.length - 0.5, label: "true class", ticks: names.map((name, c) => [c, name]) }, y: upTo(100, " %"), bars }] },
    head: ["class", "training images", ...chosen().map(title)],
    rows: names.map((name, c) => [name, counts[c], ...bars.map(({ y }) => text(y[c], 1))]),
  };
}
/** @type {() => View} */
function weights() {
  const flows = Object.entries(data.flows), all = chosen().map((method) => flows.map((_, f) =>
    overSeeds(/** @type {any} */ (runs(method, "weights")), (values) => mean(values.map((each) => /** @type {any} */ (each)[f])))));
  const known = all.flat(2).filter((value) => value !== null), y = upTo(Math.ceil(Math.max(1, ...known) * 2) / 2, "");
  return {
    caption: known.length ? "Mean weight of the flows of mislabelled pictures." : "No picture is mislabelled in what these methods train on.",
    drawing: !known.length ? { words: "No picture is mislabelled in what these methods train on.", title: "No picture is mislabelled", plots: [], legend: [] }
      : { words: `Mean weights of the flows of mislabelled pictures up to epoch ${epoch}.`, title: said(), columns: 2,
      plots: chosen().map((method, k) => ({ title: title(method), x: overEpochs(), y, lines: flows.map(([name, look], f) => ({ name, ...look, x: passed(), y: all[k][f] })) })),
      legend: flows.map(([name, look]) => ({ name: `flow of the ${name}`, ...look })) },
    head: ["method", "flow", `mean weight, epoch ${epoch}`],
    rows: chosen().flatMap((method, k) => flows.map(([name], f) => [title(method), name, text(all[k][f][epoch - 1], 3)])),
  };
}

function update() {
  slider.value = String(epoch);
  slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
  put(where, `epoch ${epoch} of ${epochs()}`);
  const now = VIEWS[view.value][1]();
  put(caption, now.caption);
  show(host, now.drawing, []);
  // The closed table is filled as well: paper opens it, and does not wait.
  const cells = (/** @type {"th" | "td"} */ tag, /** @type {(string | number)[]} */ texts) => make("tr", {}, ...texts.map((each) => make(tag, {}, String(each))));
  table.lastElementChild?.replaceChildren(make("table", {}, make("thead", {}, cells("th", now.head)), make("tbody", {}, ...now.rows.map((row) => cells("td", row)))));
}

const place = /** @type {HTMLElement} */ (document.querySelector("[data-live=lab]"));
place.classList.add("gdw-records");
host.children[0].setAttribute("role", "status");
place.replaceChildren(
  make("div", { class: "controls" }, scenarioLabel, firstLabel, secondLabel, seedsLabel, viewLabel),
  make("div", { class: "controls" }, play, slider, where), host, caption, table);
enter();
new ResizeObserver(update).observe(host);
new MutationObserver(update).observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
