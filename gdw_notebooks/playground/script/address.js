// @ts-check
// A run as an address: scene, seed, learners and steps. The same address gives the same pictures.
import { MISSIONS } from "./missions.js";
import { drawn, FEWEST, FIRST, MOST, MOST_CLEAN, packed, PRESETS, unpacked } from "./scene.js";

/**
 * @typedef {import("./scene.js").Scene} Scene
 * @typedef {{ scene: Scene, learners: string[], steps: number, mission: string, hand: number[] }} Address
 */

export const NOISES = { none: "none", uniform: "uniform", flip: "flip" };
export const MOST_STEPS = 5000; // that an opened address takes before it shows its first picture; a longer run is opened there

/**
 * @param {Address} address
 * @returns {string} without the "#"
 */
export function written({ scene, learners, steps, mission, hand }) {
  const { preset, count, noise, rate, imbalance, seed } = scene;
  const fields = new URLSearchParams({ data: preset, n: String(count), noise, rate: String(rate),
    imbalance: String(imbalance), seed: String(seed), learners: learners.join(" ") });
  if (steps) fields.set("steps", String(steps));
  if (mission) fields.set("mission", mission);
  if (hand.length) fields.set("weights", hand.map((weight) => Math.round(weight * 100)).join(" "));
  if (scene.edited) fields.set("points", packed(scene.points));
  return fields.toString();
}

/**
 * What an address says; what it leaves out, or what cannot be, is as in `otherwise`.
 * @param {string} text
 * @param {Address} otherwise
 * @param {string[]} known learners
 * @param {import("./scene.js").Clouds} clouds
 * @returns {Address}
 */
export function understood(text, otherwise, known, clouds) {
  const fields = new URLSearchParams(text.replace(/^#/, ""));
  const number = (/** @type {string} */ name, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ other) => {
    const value = fields.has(name) ? Number(fields.get(name)) : NaN;
    return value >= low && value <= high ? value : other;
  };
  const one = (/** @type {string} */ name, /** @type {object} */ among, /** @type {string} */ other) => {
    const value = fields.get(name) ?? "";
    return Object.hasOwn(among, value) ? value : other;
  };
  const name = one("mission", MISSIONS, ""), mission = MISSIONS[name], first = mission?.scene(clouds) ?? FIRST;
  const preset = one("data", PRESETS, first.preset);
  /** @type {Scene} */
  const scene = {
    preset, count: Math.round(number("n", FEWEST, MOST, first.count)), noise: one("noise", NOISES, first.noise),
    rate: number("rate", 0, 1, first.rate), imbalance: number("imbalance", 0.02, 1, first.imbalance),
    seed: Math.round(number("seed", 0, 1e6, first.seed)), points: [], edited: false,
  };
  const points = unpacked(fields.get("points") ?? ""), clean = points.filter((point) => point.clean).length;
  scene.edited = clean > 0 && clean <= MOST_CLEAN && points.length > clean;
  scene.points = scene.edited ? points : drawn(scene, clouds);
  const asked = (fields.get("learners") ?? "").split(" ").filter((name) => known.includes(name));
  const hand = (fields.get("weights") ?? "").split(" ").filter(Boolean).map((each) => Math.min(1, Math.max(0, Number(each) / 100 || 0)));
  return {
    scene, learners: mission ? [...mission.learners] : asked.length === otherwise.learners.length ? asked : otherwise.learners, hand,
    steps: Math.round(Math.min(MOST_STEPS, number("steps", 0, Infinity, 0))), mission: name,
  };
}
