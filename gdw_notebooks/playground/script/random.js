// @ts-check
// Random numbers from a seed: each purpose has a stream of its own, so that one more draw moves no other.

/** @typedef {() => number} Random numbers in [0, 1) */

/**
 * A stream of numbers for one purpose.
 * @param {number} seed
 * @param {string} purpose
 * @returns {Random}
 *
 * Source: sfc32, of PractRand's small fast counting generators; the seed is spread by FNV-1a.
 */
export function stream(seed, purpose) {
  let hash = 2166136261;
  for (const letter of `${seed}/${purpose}`) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
  let a = hash, b = hash ^ 0x9e3779b9, c = hash ^ 0x243f6a88, counter = 1;
  const next = () => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let k = 0; k < 12; k++) next();
  return next;
}

/**
 * A number from the standard normal distribution.
 * @param {Random} random
 */
export function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/**
 * The numbers 0 ... count - 1 in random order.
 * @param {number} count
 * @param {Random} random
 */
export function shuffled(count, random) {
  const order = Array.from({ length: count }, (_, k) => k);
  for (let k = count - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}

/** Batches of any size from any number of points: one shuffle after another, cut into pieces. */
export class Batches {
  /** @type {number[]} */
  #left = [];

  /**
   * @param {number} count
   * @param {Random} random
   */
  constructor(count, random) {
    this.count = count;
    this.random = random;
  }

  /** @type {(size: number) => number[]} */
  next(size) {
    while (this.#left.length < size) this.#left.push(...shuffled(this.count, this.random));
    return this.#left.splice(0, size);
  }
}
