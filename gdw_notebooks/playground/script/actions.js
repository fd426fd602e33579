// @ts-check
// What begins a run, lets it go on, or chooses what of it is shown.
import { offers, refresh, remember, words } from "./controls.js";
import { MISSIONS } from "./missions.js";
import { part } from "./parts.js";
import { ask, curves, forget, paint } from "./pictures.js";
import { dataOf, drawn, labelsOf } from "./scene.js";
import { OTHERWISE, recordings, state, still, worker } from "./state.js";

/** @type {(place: number, weight: number) => void} */
export function setHand(place, weight) {
  state.run.hand = state.data.labels.map((_, k) => (k === place ? weight : state.run.hand[k] ?? 1));
  restart();
}

export function edited() {
  state.run.scene.edited = true;
  restart();
}

/** From step 0, or from the step of an address: a run is what its address says. @type {(steps?: number) => void} */
export function restart(steps = 0) {
  state.labels = labelsOf(state.run.scene);
  state.data = dataOf(state.run.scene, state.run.hand);
  state.samples = [];
  state.won = -1;
  forget();
  state.number++;
  state.run.steps = 0;
  state.until = steps;
  if (!offers(state.tool)) state.tool = "label";
  worker.postMessage({ kind: "task", number: state.number, steps, task: { data: state.data, seed: state.run.scene.seed, learners: state.run.learners } });
  refresh();
  if (!steps) remember();
  ask();
}

/** Another scene; what was set by hand belongs to the one before. @type {(change: Partial<import("./scene.js").Scene>) => void} */
export function redraw(change) {
  state.run.scene = { ...state.run.scene, ...change, edited: false };
  state.run.scene.points = drawn(state.run.scene, recordings.clouds);
  state.run.hand = [];
  state.chosen = -1;
  restart();
}

/** @type {(now: boolean) => void} */
export function play(now) {
  state.playing = now;
  part("train").textContent = now ? "Pause" : "Train";
  part("train").setAttribute("aria-pressed", String(now));
  worker.postMessage({ kind: "pace", pace: now ? Number(part("pace").value) : 0 });
  ask();
  if (!now) remember();
}

/** @type {(place: number) => void} */
export function activate(place) {
  if (state.active === place) return;
  state.active = place;
  refresh();
  curves();
  requestAnimationFrame(paint);
}

/** @type {(at: number) => void} */
export function choose(at) {
  if (at < 0 || at === state.chosen) return;
  state.chosen = at;
  words();
  ask();
}

/** @type {(name: string) => void} */
export function begin(name) {
  const next = MISSIONS[name];
  state.run.mission = name;
  part("hand").replaceChildren();
  state.chosen = -1;
  if (next) {
    [state.run.scene, state.run.learners, state.tool] = [next.scene(recordings.clouds), [...next.learners], next.tool];
    state.run.hand = next.hidden ? dataOf(state.run.scene).labels.map(() => 1) : [];
  } else {
    state.run.hand = [];
    state.run.learners = [...OTHERWISE];
    state.tool = "label";
  }
  play(false);
  state.active = state.run.learners.indexOf("gdw");
  restart();
  part(name ? "mission" : "mission-list").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
}
