// @ts-check
// What the page is about: the run that its address says, and what is chosen in it.
import { understood } from "./address.js";
import { part } from "./parts.js";
import { dataOf, FIRST, labelsOf } from "./scene.js";
import { gridPoints } from "./view.js";

/**
 * @typedef {import("./worker.js").Picture} Picture
 * @typedef {import("./parts.js").Looks} Looks
 * @typedef {import("./address.js").Address} Address
 * @typedef {{ element: HTMLElement, menu: HTMLSelectElement, score: HTMLElement, view: import("./view.js").View,
 *             canvas: HTMLCanvasElement }} Box the part of the page that one learner has
 */

/** @type {import("./learner.js").Recordings} */
export const recordings = JSON.parse(part("recordings").textContent ?? "");
/** @type {Looks} */
export const looks = JSON.parse(part("looks").textContent ?? "");
export const names = Object.keys(looks.learners);
export const worker = new Worker(URL.createObjectURL(new Blob([part("worker").textContent ?? ""], { type: "text/javascript" })));
worker.postMessage({ kind: "recordings", recordings, grid: gridPoints() });

export const still = matchMedia("(prefers-reduced-motion: reduce)");
export const OTHERWISE = ["cross-entropy", "gdw-tied", "gdw"];
/** @type {Address} */
const addressed = understood(location.hash, { scene: FIRST, learners: OTHERWISE, steps: 0, mission: "", hand: [] }, names, recordings.clouds);

export const state = {
  run: addressed, labels: labelsOf(addressed.scene), data: dataOf(addressed.scene, addressed.hand),
  number: 0, // of the task that the worker has
  until: 0, // step of the address that is opened
  playing: false,
  active: 2, // place of the learner whose flows are shown
  tool: "label",
  chosen: -1, // point; -1: none
  won: -1, // first step at which the mission's goal was met; -1: not yet
  /** @type {[number, number] | null} */
  cursor: null, // of the keyboard, in the plane
  /** @type {Picture | null} */
  picture: null, // the last one of this run
  /** @type {import("./run.js").Sample[]} */
  samples: [],
};

/** @type {Box[]} */
export const boxes = []; // one for each learner
