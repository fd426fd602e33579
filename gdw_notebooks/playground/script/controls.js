// @ts-check
// What the page's controls and texts show of its state.
import { written } from "./address.js";
import { classWord } from "./flows.js";
import { MISSIONS } from "./missions.js";
import { make, part, percent } from "./parts.js";
import { boxes, looks, names, state } from "./state.js";

/** @typedef {import("./run.js").Sample} Sample */

const OFFERED = names.filter((name) => name !== "by-hand");
/** @type {Record<string, { title: string, hint: string }>} */
export const TOOLS = {
  look: { title: "Look", hint: "Point at a point: its arrows are the pushes of its label. Out: this class up. In: this class down. Pale: before the weight." },
  label: { title: "Wrong label", hint: "Click a point: its label becomes wrong, or right again. Its ring is the true class." },
  clean: { title: "★ Clean set", hint: "Click a point: it joins the clean set, with its true label. Learners do not train on it; it judges." },
  draw0: { title: "Draw", hint: "Click or drag where points should be." },
  draw1: { title: "Draw", hint: "Click or drag where points should be." },
  draw2: { title: "Draw", hint: "Click or drag where points should be." },
  remove: { title: "Remove", hint: "Click or drag over points: they go." },
  weight: { title: "Weight", hint: "Click a point: its weight goes from 1 to ½ to 0. All other weights stay." },
};

/** The chosen point in words. */
export function words() {
  const point = state.run.scene.points[state.chosen], at = part("point-words");
  const slider = part("point");
  slider.max = String(state.run.scene.points.length);
  for (const id of ["do-label", "do-clean", "do-remove"]) part(id).disabled = !point;
  if (!point) {
    at.replaceChildren("Point at one, or move this slider");
    part("flows").replaceChildren();
    return;
  }
  slider.value = String(state.chosen + 1);
  const wrong = state.labels[state.chosen] !== point.truth && !MISSIONS[state.run.mission]?.hidden;
  const label = make("span", {}, `Point ${state.chosen + 1}: `, ...(point.clean ? ["★ clean, "] : ["labelled "]), classWord(looks, state.labels[state.chosen]),
    ...(wrong ? [", really ", classWord(looks, point.truth)] : []));
  at.replaceChildren(label);
  slider.setAttribute("aria-valuetext", label.textContent);
  part("do-clean").textContent = point.clean ? "Out of the clean set" : "Into the clean set";
  if (point.clean) part("flows").replaceChildren(make("caption", {}, "This point is in the clean set: nobody trains on it. It judges the weights of the others."));
}

/** Whether this run has the tool. @type {(tool: string) => boolean} */
export function offers(tool) {
  if (tool === "weight") return state.run.learners.includes("by-hand");
  return tool === "look" || !MISSIONS[state.run.mission]?.hidden;
}

/** All controls as the run has them. */
export function refresh() {
  const { scene } = state.run, wrong = state.data.labels.filter((label, k) => label !== state.data.truth[k]).length, hidden = Boolean(MISSIONS[state.run.mission]?.hidden);
  part("learners").dataset.tool = state.tool;
  for (const id of ["do", "data", "key", "accuracy-card", "weights-card"]) part(id).hidden = hidden; // they would tell which labels are wrong
  boxes.forEach(({ element, menu, canvas, score }, k) => {
    score.hidden = hidden;
    menu.disabled = state.run.mission !== ""; // its goal is about these
    const list = state.run.learners[k] === "by-hand" ? names : OFFERED;
    menu.replaceChildren(...list.map((name) => make("option", { value: name, selected: name === state.run.learners[k] }, looks.learners[name].title)));
    menu.value = state.run.learners[k];
    const { color, title } = looks.learners[state.run.learners[k]];
    element.style.setProperty("--own", color === "#000000" ? "var(--ink)" : color);
    element.classList.toggle("active", state.active === k);
    canvas.setAttribute("aria-label", `Scene of ${title}. Arrow keys move a cross, Enter uses the tool.`);
  });
  part("active").replaceChildren(...state.run.learners.map((name, k) => make("option", { value: k }, looks.learners[name].title)));
  part("active").value = String(state.active);
  for (const [id, value] of [["count", scene.count], ["noise-rate", scene.rate], ["imbalance", scene.imbalance]])
    part(String(id)).value = String(value);
  part("count-out").textContent = String(state.data.labels.length);
  part("rate-out").textContent = scene.noise === "none" ? "–" : percent(scene.rate);
  part("imbalance-out").textContent = scene.imbalance.toFixed(2);
  for (const [name, value] of [["preset", scene.preset], ["noise", scene.noise], ["tool", state.tool]])
    for (const radio of document.querySelectorAll(`input[name="${name}"]`))
      /** @type {HTMLInputElement} */ (radio).checked = /** @type {HTMLInputElement} */ (radio).value === value;
  for (const label of part("tools").querySelectorAll("label")) label.hidden = !offers(label.dataset.tool ?? "");
  part("hint").textContent = TOOLS[state.tool].hint;
  part("counts").textContent = `${state.data.labels.length} points to train on${hidden ? "" : `, ${wrong} of them with a wrong label`}; ${state.data.cleanLabels.length} in the clean set.`;
  part("story").textContent = hidden ? "Some labels are wrong. Three learners, the same batches; one of them is you."
    : `${wrong} of ${state.data.labels.length} labels ${wrong === 1 ? "is" : "are"} wrong. Three networks learn from them, on the same batches.`;
  words();
}

/** What a mission asks for, at a sample. @type {(mission: import("./missions.js").Mission, sample: Sample, steps: number) => import("./missions.js").Check[]} */
const checked = (mission, { accuracy, cleanLosses }, steps) => mission.checks({ scene: state.run.scene, learners: state.run.learners, steps, accuracy, cleanLosses });

/** Every sample counts, seen or not: an address reaches its goal at the same step at any pace. @type {(samples: Sample[]) => void} */
export function judge(samples) {
  const now = MISSIONS[state.run.mission];
  if (now && state.won < 0) state.won = samples.find((sample) => checked(now, sample, sample.step).every((check) => check.done))?.step ?? -1;
}

export function mission() {
  const now = MISSIONS[state.run.mission];
  part("mission").hidden = !now;
  for (const button of part("mission-list").children) button.setAttribute("aria-pressed", String(button.getAttribute("data-mission") === state.run.mission));
  if (!now || !state.picture) return;
  const checks = checked(now, state.samples[state.samples.length - 1], state.picture.steps);
  part("mission-title").textContent = now.title;
  part("mission-goal").textContent = now.goal;
  part("checks").replaceChildren(...checks.map(({ text, done }) => make("li", { class: done ? "done" : undefined }, text, make("span", { class: "unseen" }, done ? " (done)" : " (open)"))));
  const won = state.won < 0 ? "" : `Done! Reached at step ${state.won}. ${now.won}`; // and stays so, whatever training does later
  if (part("won").textContent !== won) part("won").textContent = won;
  sliders(Boolean(now.hidden));
}

/** The twelve weights, each with its point's label. @type {(wanted: boolean) => void} */
export function sliders(wanted) {
  const place = part("hand");
  if (!wanted) return place.replaceChildren();
  if (place.children.length !== state.data.labels.length)
    place.replaceChildren(...state.data.labels.map((label, k) => make("label", { class: "slide" }, make("span", {},
      make("span", {}, `${k + 1} `, classWord(looks, label)), make("output", {})),
      make("input", { type: "range", min: 0, max: 1, step: 0.05 }))));
  [...place.children].forEach((label, k) => {
    const input = /** @type {HTMLInputElement} */ (label.querySelector("input")), weight = state.run.hand[k] ?? 1;
    if (document.activeElement !== input) input.value = String(weight);
    /** @type {HTMLElement} */ (label.querySelector("output")).textContent = weight.toFixed(2);
  });
}

/** The address says what is seen, or the step that is on its way; where a page has no address of its own, nothing is kept. */
export function remember() {
  const run = { ...state.run, steps: Math.max(state.run.steps, state.until) };
  if (location.protocol !== "about:") history.replaceState(null, "", `#${written(run)}`);
}

/** @type {(text: string) => void} */
export function say(text) {
  part("hint").textContent = text;
  part("status").textContent = text;
}
