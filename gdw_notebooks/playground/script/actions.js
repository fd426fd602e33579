// @ts-check
// What begins a run, lets it go on, or chooses what of it is shown.
import { offers, refresh, remember, words } from "./controls.js";
import { MISSIONS } from "./missions.js";
import { part } from "./parts.js";
import { ask, curves, forget, repaint } from "./pictures.js";
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
  if (state.playing && !now) { // Pause also ends the way to the step of an address
    state.until = 0;
    worker.postMessage({ kind: "stay" });
  }
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
  repaint();
}

/** @type {(at: number) => void} */
export function choose(at) {
  if (at < 0 || at === state.chosen) return;
  state.chosen = at;
  words();
  ask();
}

/** A scene by hand is the one to tap, so it is the large one. @type {() => void} */
export function activateFirst() {
  state.active = ["by-hand", "gdw"].map((name) => state.run.learners.indexOf(name)).find((place) => place >= 0) ?? 0;
}

/** @type {(name: string) => void} */
export function begin(name) {
  const next = MISSIONS[name], open = MISSIONS[state.run.mission]?.hidden && state.won < 0;
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
  activateFirst();
  if (open && !next) redraw({ seed: state.run.scene.seed + 1 }); // the mission's own points keep their secret
  else restart();
  part(name ? "mission" : "mission-list").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
}
