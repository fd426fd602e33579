// @ts-check
// Pictures from the worker: asked for once a frame, drawn when they come.
import { judge, mission, remember } from "./controls.js";
import { drawCurves } from "./curves.js";
import { drawFlows } from "./flows.js";
import { MISSIONS } from "./missions.js";
import { part, percent, put, styled } from "./parts.js";
import { boxes, looks, state, still, worker } from "./state.js";

/** @typedef {import("./worker.js").Picture} Picture */

const TEXT_EVERY = 120; // ms between two states of curves and tables while the run goes on
const OPENING_EVERY = 200; // ms between two pictures of a run that only goes to the step of its address
let asked = false, again = false, moving = false, writtenAt = 0;
/** @type {Picture | null} */
let fresh = null; // the last one, if it is not drawn yet

/** The last picture once more, in the page's colours now. */
export function showAgain() { if (state.picture) show(state.picture); }

/** Whether the run is still on its way to the step that its address says. */
export const opens = () => state.run.steps < state.until;

/** What comes from now on belongs to another run. */
export function forget() { state.picture = fresh = null; }

/** Ask the worker for a picture, once for each frame of the screen. */
export function ask() {
  if (asked) {
    again = true;
    return;
  }
  asked = true;
  requestAnimationFrame(() => { // the worker computes the next picture while this one is drawn
    worker.postMessage({ kind: "picture", point: state.data.places.indexOf(state.chosen), samples: state.samples.length });
    if (fresh) show(fresh);
    fresh = null;
  });
}

worker.onmessage = (/** @type {MessageEvent<Picture>} */ { data: answer }) => {
  asked = false;
  if (answer.task === state.number) {
    state.picture = answer;
    state.samples.push(...answer.samples);
    judge(answer.samples);
    const stepped = answer.steps !== state.run.steps;
    state.run.steps = answer.steps;
    if (stepped && !state.playing && !opens()) remember(); // a press of Step, or what was still on its way when Pause was pressed
    fresh = answer;
  }
  if (state.playing || again || answer.task !== state.number) {
    again = false;
    ask();
    return;
  }
  if (fresh) show(fresh);
  fresh = null;
  if (opens()) setTimeout(ask, OPENING_EVERY);
};

/** @type {(answer: Picture) => void} */
function show(answer) {
  const paper = styled("--paper"), colors = looks.classes.map((look) => look.color);
  boxes.forEach(({ view }, k) => view.regions(answer.logits[k], colors, paper));
  const last = state.samples[state.samples.length - 1];
  boxes.forEach(({ score }, k) => put(score, percent(last.accuracy[k])));
  put(part("steps"), String(answer.steps));
  put(part("rate"), opens() ? `of ${state.until}` : state.playing && answer.rate ? `· ${Math.round(answer.rate)} a second` : "");
  const way = part("rate").dataset;
  if (way.opening !== String(opens())) { // said at its start and at its end
    if (opens() || way.opening) put(part("status"), opens() ? `On the way to step ${state.until}` : `At step ${answer.steps}`);
    way.opening = String(opens());
  }
  const now = performance.now();
  if (!state.playing || now - writtenAt > TEXT_EVERY) { // numbers that change faster cannot be read
    writtenAt = now;
    if (answer.readings.length) drawFlows(part("flows"), looks, state.run.learners, answer.readings);
    curves();
    mission();
  }
  paint();
}

export function curves() {
  if (!state.samples.length) return;
  const svg = (/** @type {string} */ id) => /** @type {SVGElement} */ (/** @type {unknown} */ (part(id)));
  drawCurves({ accuracy: svg("accuracy"), weights: svg("weights"), accuracyList: part("accuracy-list"), weightsList: part("weights-list") },
    state.samples, state.run.learners.map((name) => looks.learners[name]), state.active, looks.groups, styled("--ink"));
}

/** Draw the points; again while they still grow or shrink. */
export function paint() {
  const current = state.picture;
  if (!current) return;
  const shown = {
    points: state.run.scene.points, labels: state.labels, chosen: state.chosen, cursor: state.cursor, hidden: Boolean(MISSIONS[state.run.mission]?.hidden),
    numbers: MISSIONS[state.run.mission]?.hidden ? state.data.places : [], colors: looks.classes.map((look) => look.color),
    ink: styled("--ink"), paper: styled("--paper"),
  };
  let unfinished = false;
  boxes.forEach(({ view }, k) => {
    const weights = new Float32Array(state.run.scene.points.length).fill(1);
    state.data.places.forEach((at, place) => { weights[at] = current.weights[k][place] ?? 1; });
    unfinished = view.paint(shown, weights, current.readings[k], still.matches) || unfinished;
  });
  if (unfinished && !state.playing) repaint();
}

/** All scenes, once in the next frame, however often it is asked for. */
export function repaint() {
  if (moving) return;
  moving = true;
  requestAnimationFrame(() => {
    moving = false;
    paint();
  });
}
