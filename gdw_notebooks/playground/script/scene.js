// @ts-check
// The scene: points in the plane with their true class and their label, and which of them are the clean set.
import { decoded } from "./plan.js";
import { normal, shuffled, stream } from "./random.js";

/**
 * @typedef {{ x: number, y: number, truth: number, hand: number, clean: boolean }} Point
 *   hand: the label that was set by hand, or -1
 * @typedef {{ preset: string, count: number, noise: string, rate: number, imbalance: number, seed: number,
 *             points: Point[], edited: boolean }} Scene
 * @typedef {{ points: string, labels: number[] }} Clouds
 * @typedef {(random: import("./random.js").Random, truth: number, clouds: Clouds) => [number, number]} Draw
 */

export const REACH = 2.2; // the plane shows -REACH ... REACH, both ways
export const CLASSES = 3, FEWEST = 12, MOST = 500, MOST_CLEAN = 60;
export const TAIL = 0.1; // of the preset "long tail": smallest class / largest
const CLEAN_EACH = 5; // points of the clean set in each class, to begin with
const STEPS = 4095; // of a coordinate in an address: 12 bits

/** Blobs at the corners of a triangle. @type {Draw} */
const blobs = (random, truth) => {
  const angle = Math.PI / 2 + (2 * Math.PI * truth) / CLASSES;
  return [1.15 * Math.cos(angle) + 0.45 * normal(random), 1.15 * Math.sin(angle) - 0.2 + 0.45 * normal(random)];
};

/** @type {Record<string, { title: string, classes: number, draw: Draw }>} */
export const PRESETS = {
  clouds: {
    title: "Clouds", classes: 3,
    draw: (random, truth, { points, labels }) => { // the package's own points; the seed chooses among them
      const each = labels.length / CLASSES, place = truth * each + Math.floor(random() * each), all = decoded(points);
      return [all[2 * place], all[2 * place + 1]];
    },
  },
  moons: {
    title: "Two moons", classes: 2,
    draw: (random, truth) => {
      const angle = Math.PI * random(), side = truth ? -1 : 1;
      return [1.15 * side * Math.cos(angle) - 0.57 * side + 0.14 * normal(random),
        1.15 * side * Math.sin(angle) - 0.27 * side + 0.14 * normal(random)];
    },
  },
  rings: {
    title: "Rings", classes: 3,
    draw: (random, truth) => {
      const angle = 2 * Math.PI * random(), radius = 0.3 + 0.75 * truth + 0.12 * normal(random);
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    },
  },
  tail: { title: "Long tail", classes: 3, draw: blobs },
  empty: { title: "Draw your own", classes: 3, draw: blobs },
};

/** @type {Scene} */
export const FIRST = {
  preset: "clouds", count: 120, noise: "flip", rate: 0.35, imbalance: 1, seed: 0, points: [], edited: false,
};

/** How many points a preset draws: of each class to train on, and clean ones of every class. @type {(scene: Scene) => { own: number[], clean: number, all: number }} */
function sizes({ preset, count, imbalance }) {
  const { classes } = PRESETS[preset], few = preset === "empty", clean = few ? 1 : CLEAN_EACH;
  const own = Array.from({ length: classes }, (_, k) =>
    few ? FEWEST / classes : Math.max(2, Math.round((count / classes) * imbalance ** (classes > 1 ? k / (classes - 1) : 0))));
  return { own, clean, all: own.reduce((sum, each) => sum + each + clean, 0) };
}

/**
 * The points of a preset; the clean set is drawn apart from the others.
 * @param {Scene} scene
 * @param {Clouds} clouds
 * @returns {Point[]}
 */
export function drawn(scene, clouds) {
  const { draw } = PRESETS[scene.preset], size = sizes(scene);
  /** @type {Point[]} */
  const points = [];
  size.own.forEach((own, truth) => {
    const random = stream(scene.seed, `points of class ${truth}`);
    const clean = stream(scene.seed, `clean points of class ${truth}`);
    const add = (/** @type {import("./random.js").Random} */ from, /** @type {boolean} */ isClean) => {
      const [x, y] = draw(from, truth, clouds);
      points.push({ x: rounded(x), y: rounded(y), truth, hand: -1, clean: isClean });
    };
    for (let k = 0; k < own; k++) add(random, false);
    for (let k = 0; k < size.clean; k++) add(clean, true);
  });
  return points;
}

/**
 * The label of each point, as learners see it: noise first, then what was set by hand. Noise is in the points that the
 * preset drew; one drawn by hand, which comes after them, moves none of it.
 * @param {Scene} scene
 * @returns {number[]}
 */
export function labelsOf(scene) {
  const { points, noise, rate, seed, preset } = scene, { all } = sizes(scene);
  const random = stream(seed, "noise"), classes = PRESETS[preset].classes;
  const ranks = shuffled(all, random), draws = points.map(() => random());
  return points.map(({ truth, hand, clean }, k) => {
    if (clean) return truth;
    if (hand >= 0) return hand;
    if (noise === "none" || k >= all || (ranks[k] + 0.5) / all >= rate) return truth;
    return noise === "uniform" ? Math.floor(draws[k] * classes) : (truth + 1) % classes;
  });
}

/**
 * What the learners get: training points and clean points apart.
 * @param {Scene} scene
 * @param {number[]} hand weights set by hand, by training point
 * @returns {import("./run.js").Data & { places: number[] }} places: which point of the scene each training point is
 */
export function dataOf(scene, hand = []) {
  const labels = labelsOf(scene), places = scene.points.flatMap((point, k) => (point.clean ? [] : [k]));
  const clean = scene.points.filter((point) => point.clean);
  const flat = (/** @type {Point[]} */ points) => Float32Array.from(points.flatMap(({ x, y }) => [x, y]));
  return {
    places, hand, points: flat(places.map((k) => scene.points[k])), labels: places.map((k) => labels[k]),
    truth: places.map((k) => scene.points[k].truth), cleanPoints: flat(clean),
    cleanLabels: clean.map((point) => point.truth),
  };
}

/** A coordinate as an address keeps it, so that a drawn point and a shared one are the same. @type {(value: number) => number} */
export function rounded(value) {
  const step = Math.round(((Math.max(-REACH, Math.min(REACH, value)) + REACH) / (2 * REACH)) * STEPS);
  return (step / STEPS) * 2 * REACH - REACH;
}

/**
 * Points as text: four bytes each.
 * @param {Point[]} points
 */
export function packed(points) {
  const bytes = points.flatMap(({ x, y, truth, hand, clean }) => {
    const [u, v] = [x, y].map((value) => Math.round(((value + REACH) / (2 * REACH)) * STEPS));
    const all = ((u << 12) | v) >>> 0, kind = truth | ((hand + 1) << 2) | (Number(clean) << 4);
    return [all >>> 16, (all >>> 8) & 255, all & 255, kind];
  });
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The points of such a text; none if it is not one.
 * @param {string} text
 * @returns {Point[]}
 */
export function unpacked(text) {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return [];
  const bytes = Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const points = [];
  for (let k = 0; k + 3 < bytes.length && points.length < MOST + MOST_CLEAN; k += 4) {
    const all = (bytes[k] << 16) | (bytes[k + 1] << 8) | bytes[k + 2], kind = bytes[k + 3];
    const [x, y] = [all >>> 12, all & STEPS].map((step) => (step / STEPS) * 2 * REACH - REACH);
    const truth = Math.min(CLASSES - 1, kind & 3), hand = Math.min(CLASSES - 1, ((kind >> 2) & 3) - 1);
    points.push({ x, y, truth, hand, clean: Boolean(kind & 16) });
  }
  return points;
}
