// @ts-check
// What a tool does to the scene at a place.
import { say } from "./controls.js";
import { choose, edited, setHand } from "./actions.js";
import { MOST, MOST_CLEAN, PRESETS, rounded } from "./scene.js";
import { state } from "./state.js";

const NEAR = 0.14; // how far from a point a pointer may be, in the plane

/** @type {(x: number, y: number) => number} */
export function nearest(x, y) {
  let best = -1, least = NEAR;
  state.run.scene.points.forEach((point, k) => {
    const far = Math.hypot(point.x - x, point.y - y);
    if (far < least) [best, least] = [k, far];
  });
  return best;
}

/** What the chosen tool does at a place. @type {(x: number, y: number, press: boolean) => void} */
export function act(x, y, press) {
  const at = nearest(x, y), { points } = state.run.scene;
  if (state.tool.startsWith("draw")) {
    const close = points.some((point) => Math.hypot(point.x - x, point.y - y) < NEAR / 2);
    if (state.data.labels.length >= MOST) return say(`There is room for ${MOST} points.`);
    if (press ? at >= 0 && close : close) return;
    points.push({ x: rounded(x), y: rounded(y), truth: Number(state.tool[4]), hand: Number(state.tool[4]), clean: false });
    state.chosen = points.length - 1;
    edited();
  } else if (at < 0) return;
  else if (state.tool === "label") mislabel(at);
  else if (state.tool === "clean") clean(at);
  else if (state.tool === "remove") remove(at);
  else if (state.tool === "weight") weigh(at);
  if (!state.tool.startsWith("draw") && state.tool !== "remove") choose(at);
}

/** A wrong label, or the right one again. @type {(at: number) => void} */
export function mislabel(at) {
  const point = state.run.scene.points[at], classes = PRESETS[state.run.scene.preset].classes;
  if (point.clean) return say("A point of the clean set keeps its true label.");
  point.hand = state.labels[at] === point.truth ? (point.truth + 1) % classes : point.truth;
  edited();
}

/** @type {(at: number) => void} */
export function clean(at) {
  const point = state.run.scene.points[at];
  const refused = point.clean ? state.data.cleanLabels.length === 1 && "The clean set needs at least one point."
    : state.data.cleanLabels.length >= MOST_CLEAN ? `The clean set has room for ${MOST_CLEAN} points.`
      : state.data.labels.length === 1 && "One point must be left to train on.";
  if (refused) return say(refused);
  point.clean = !point.clean;
  edited();
}

/** @type {(at: number) => void} */
export function remove(at) {
  const left = state.run.scene.points[at].clean ? state.data.cleanLabels.length : state.data.labels.length;
  if (left === 1) return say("The last one stays.");
  state.run.scene.points.forEach((point, k) => { if (point.hand < 0 && !point.clean) point.hand = state.labels[k]; }); // noise stays where it is
  state.run.scene.points.splice(at, 1);
  state.chosen = -1;
  edited();
}

/** @type {(at: number) => void} */
export function weigh(at) {
  const place = state.data.places.indexOf(at);
  if (place < 0) return say("A point of the clean set has no weight: it judges.");
  const now = state.run.hand[place] ?? 1;
  setHand(place, now > 0.75 ? 0.5 : now > 0.25 ? 0 : 1);
}
