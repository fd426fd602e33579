// @ts-check
// The flow microscope's arithmetic: products of the maps that Python sent, places on a track, steps of a key.

/**
 * @typedef {{ name: string, weights: number[], weight: number, largest_weight: number, constraint: number[][],
 *             push_map: number[][], number_map: number[][], axis: [number, number], probs: number[], label: number,
 *             true_label: number, class_names: string[], mislabelled: boolean, picture?: string | null, alt: string,
 *             number_names: string[], number_notes: string[], findings: Record<string, string> }} Instance
 * @typedef {"instance" | "classes" | "free"} Mode
 * @typedef {"all" | "mislabelled" | "clean"} Show
 * @typedef {{ instances: Instance[], index: number, mode: Mode, weights: number[], weight: number, show: Show,
 *             large: boolean }} State what Python and the browser share
 * @typedef {{ get<K extends keyof State>(name: K): State[K], set(name: string, value: unknown): void,
 *             save_changes(): void,
 *             on(event: string, listener: () => void): void, off(event: string, listener: () => void): void }} Model
 * @typedef {{ instance: Instance, mode: Mode, weights: number[], pushes: number[], numbers: number[] }} Reading
 */

export const SMALL_STEP = 0.05; // of a weight, for arrows
const LARGE_STEP = 0.25, SMALLEST_REACH = 80; // for PageUp and PageDown; pixels that a weight of 1 spans at least when a tiny bar is dragged

/** @type {(matrix: number[][], vector: number[]) => number[]} */
export const product = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, k) => sum + value * vector[k], 0));
/** @type {(value: number, low: number, high: number) => number} */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * How many pixels the pointer moves for a weight of 1, with the sign of the push; a tiny bar is given a longer reach.
 * @param {number} push of a weight of 1, in units of the axis
 * @param {[number, number]} axis
 * @param {number} width of the track, in pixels
 */
export function pixelsPerWeight(push, [low, high], width) {
  const pixels = (push / (high - low)) * width;
  return (Math.sign(pixels) || 1) * Math.max(Math.abs(pixels), SMALLEST_REACH);
}

/**
 * Where a push ends on its track, in percent.
 * @param {number} push
 * @param {[number, number]} axis
 */
export function percentAt(push, [low, high]) { return ((push - low) / (high - low)) * 100; }

/**
 * The weight after a key, within its limits; undefined: the key means nothing here.
 * @param {string} key as in KeyboardEvent.key
 * @param {number} weight
 * @param {number} largest
 * @returns {number | undefined}
 */
export function weightAfter(key, weight, largest) {
  /** @type {Record<string, number>} */
  const steps = {
    ArrowRight: SMALL_STEP, ArrowUp: SMALL_STEP, ArrowLeft: -SMALL_STEP, ArrowDown: -SMALL_STEP,
    PageUp: LARGE_STEP, PageDown: -LARGE_STEP, Home: -Infinity, End: Infinity,
  };
  if (!(key in steps)) return undefined;
  return Math.round(clamp(weight + steps[key], 0, largest) * 1e6) / 1e6;
}

/**
 * What the model's state comes to: weights after the constraint, pushes, the three numbers.
 * @param {Pick<Model, "get">} model
 * @returns {Reading}
 */
export function read(model) {
  const instance = model.get("instances")[model.get("index")], mode = model.get("mode");
  const set = mode === "instance" ? instance.weights.map(() => model.get("weight")) : model.get("weights");
  const weights = mode === "free" ? set : product(instance.constraint, set);
  const pushes = product(instance.push_map, weights);
  return { instance, mode, weights, pushes, numbers: product(instance.number_map, pushes) };
}
