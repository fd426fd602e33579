// @ts-check
// The page: controls change the scene, the worker trains, pictures are drawn when they come.
import { MOST_STEPS, understood } from "./address.js";
import { refresh, remember, say, TOOLS } from "./controls.js";
import { MISSIONS } from "./missions.js";
import { make, onColors, part, SHAPES, styled } from "./parts.js";
import { ask, opens, paint, repaint, showAgain } from "./pictures.js";
import { activate, activateFirst, begin, choose, play, redraw, restart, setHand } from "./actions.js";
import { PRESETS, rounded, TAIL } from "./scene.js";
import { boxes, looks, names, recordings, state, worker } from "./state.js";
import { act, clean, mislabel, nearest, remove } from "./tools.js";
import { View } from "./view.js";

const PHONE = matchMedia("(max-width: 640px)"); // as in playground.css
const NUDGE = 0.1; // of the cross by an arrow key
/** Whether the tool follows a finger, as in playground.css. */
const drags = () => /^(draw|remove|look)/.test(state.tool);

boxes.push(...state.run.learners.map((_, place) => learnerBox(place)));
part("learners").append(...boxes.map((box) => box.element));
for (const { canvas, view } of boxes) { // a canvas begins black
  view.pen.fillStyle = styled("--paper");
  view.pen.fillRect(0, 0, canvas.width, canvas.height);
}

/** The part of the page that one learner has. @type {(place: number) => import("./state.js").Box} */
function learnerBox(place) {
  const menu = make("select", { "aria-label": `Learner ${place + 1}`, onchange: () => {
    state.run.learners[place] = menu.value;
    restart();
  } });
  const canvas = make("canvas", { tabindex: "0", role: "application", onpointerdown: pressed, onpointermove: passed,
    onclick: clicked, onkeydown: keyed, onblur: () => { state.cursor = null; paint(); } });
  const score = make("span", { class: "score", title: "Accuracy on true labels" });
  const element = make("section", { class: "learner" }, make("div", { class: "top" }, menu, score), canvas);
  const view = new View(canvas, repaint);
  let enlarged = false; // by the press that goes on
  return { element, menu, score, view, canvas };

  /** @param {PointerEvent} event */
  function pressed(event) {
    enlarged = PHONE.matches && place !== state.active; // a small scene becomes the large one
    activate(place);
    if (enlarged) return;
    state.cursor = null;
    if (!drags()) return;
    canvas.setPointerCapture(event.pointerId);
    act(...view.at(event), true);
  }
  /** A tap: a finger that only scrolls the page changes no label. @param {MouseEvent} event */
  function clicked(event) { if (!enlarged && !drags()) act(...view.at(event), true); }
  /** The browser knows what is pressed, wherever it was pressed or released. @param {PointerEvent} event */
  function passed(event) {
    if (!event.buttons || state.tool === "look") choose(nearest(...view.at(event)));
    else if (drags() && !enlarged && canvas.hasPointerCapture(event.pointerId)) act(...view.at(event), false);
  }
  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const step = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[event.key];
    if (!step && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    activate(place);
    const [x, y] = state.cursor ?? (state.run.scene.points[state.chosen] ? [state.run.scene.points[state.chosen].x, state.run.scene.points[state.chosen].y] : [0, 0]);
    state.cursor = step ? [rounded(x + step[0] * NUDGE), rounded(y + step[1] * NUDGE)] : [x, y];
    if (step) choose(nearest(...state.cursor));
    else act(...state.cursor, true);
    paint();
  }
}

/** Other noise, for the points whose label no hand has set. @type {(change: Partial<import("./scene.js").Scene>) => void} */
function noisy(change) {
  Object.assign(state.run.scene, change);
  restart();
  if (state.run.scene.points.every(({ hand, clean }) => clean || hand >= 0))
    say("Noise changes none of these labels: they are set by hand, or stayed when a point was removed. New draw begins anew.");
}

/** A group of radio buttons. @type {(id: string, name: string, options: [string, (Node | string)[]][], chose: (value: string) => void) => void} */
function radios(id, name, options, chose) {
  part(id).append(...options.map(([value, content]) => make("label", { "data-tool": value },
    make("input", { type: "radio", name, value, onchange: () => chose(value) }), ...content)));
}

radios("presets", "preset", Object.entries(PRESETS).map(([name, { title }]) => [name, [title]]), (name) => {
  if (name === "empty") state.tool = "draw0";
  redraw({ preset: name, imbalance: name === "tail" ? TAIL : 1, ...(name === "empty" ? { noise: "none" } : {}) });
});
radios("noises", "noise", [["none", ["none"]], ["uniform", ["uniform"]], ["flip", ["flip"]]], (name) => {
  noisy({ noise: name });
});
radios("tools", "tool", Object.entries(TOOLS).map(([name, { title }]) => {
  const label = Number(name[4]);
  return [name, name.startsWith("draw") ? [make("span", { class: "shape", style: `color:${looks.classes[label].color}`, "aria-hidden": "true" }, SHAPES[label]), `${title} ${looks.classes[label].name}`] : [title]];
}), (name) => {
  state.tool = name;
  refresh();
});
part("mission-list").append(...Object.entries(MISSIONS).map(([name, mission]) =>
  make("button", { type: "button", "data-mission": name, onclick: () => begin(state.run.mission === name ? "" : name) }, mission?.title ?? "")));

part("train").onclick = () => play(!state.playing);
part("step").onclick = () => {
  play(false);
  if (opens()) state.until++;
  worker.postMessage({ kind: "step" });
  ask();
};
part("reset").onclick = () => {
  play(false);
  restart();
};
part("pace").onchange = () => play(state.playing);
part("active").onchange = (/** @type {any} */ event) => activate(Number(event.target.value));
part("again").onclick = () => redraw({ seed: state.run.scene.seed + 1 });
part("leave").onclick = () => {
  const name = state.run.mission;
  begin("");
  part("mission-list").querySelector(`[data-mission="${name}"]`).focus();
};
part("count").oninput = (/** @type {any} */ event) => redraw({ count: Number(event.target.value) });
part("imbalance").oninput = (/** @type {any} */ event) => redraw({ imbalance: Number(event.target.value) });
part("noise-rate").oninput = (/** @type {any} */ event) => {
  const rate = Number(event.target.value), { noise } = state.run.scene;
  noisy({ rate, noise: noise === "none" && rate ? "uniform" : noise });
};
part("hand").onchange = (/** @type {any} */ event) =>
  setHand([...part("hand").children].findIndex((label) => label.contains(event.target)), Number(event.target.value));
part("point").oninput = (/** @type {any} */ event) => choose(Number(event.target.value) - 1);
part("do-label").onclick = () => mislabel(state.chosen);
part("do-clean").onclick = () => clean(state.chosen);
part("do-remove").onclick = () => remove(state.chosen);
part("share").hidden = location.protocol === "about:";
part("share").onclick = async () => {
  remember();
  await navigator.clipboard?.writeText(location.href).catch(() => undefined);
  const end = state.run.steps > MOST_STEPS ? ` at step ${MOST_STEPS}, the last that a link opens` : "";
  say(`The link is in the address bar, and copied where the browser allows it: it gives the same pictures${end}.`);
};
addEventListener("hashchange", () => {
  state.run = understood(location.hash, state.run, names, recordings.clouds);
  state.chosen = -1;
  play(false);
  open();
});
onColors(showAgain);
if (parent !== window) { // in a notebook or on a page of the course: as high as its content, in the theme of the page around
  const page = document.documentElement.dataset, tell = () => parent.postMessage({ height: document.body.scrollHeight + 8 }, "*");
  page.framed = "";
  new ResizeObserver(tell).observe(document.body);
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || !data?.theme || data.theme === page.theme) return;
    page.theme = data.theme;
    tell();
  });
}
if (!MISSIONS[state.run.mission]?.hidden) state.chosen = state.data.places.find((at, place) => state.labels[at] !== state.data.truth[place]) ?? 0;
open();

/** What the address says. */
function open() {
  state.tool = MISSIONS[state.run.mission]?.tool ?? state.tool;
  part("hand").replaceChildren(); // the names of another draw
  activateFirst();
  restart(state.run.steps);
}
