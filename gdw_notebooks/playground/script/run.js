// @ts-check
// A run: learners side by side on the same batches, what was last seen of each point, and the curves.
import { accuracy, Learner } from "./learner.js";
import { Batches, stream } from "./random.js";

/**
 * @typedef {import("./learner.js").Recordings} Recordings
 * @typedef {{ points: Float32Array, labels: number[], truth: number[], cleanPoints: Float32Array,
 *             cleanLabels: number[], hand: number[] }} Data what learners see, and what only curves know
 * @typedef {{ data: Data, seed: number, learners: string[] }} Task
 * @typedef {{ flows: number[], weights: number[], g: number[] | null }} Reading of one point by one learner
 * @typedef {{ step: number, accuracy: number[], weights: (number | null)[][], cleanLosses: number[] }} Sample of the curves and for a mission, by learner
 */

export const SAMPLE_EVERY = 5; // steps
export const GROUPS = ["right labels", "wrong: observed label", "wrong: true class", "wrong: third class"];

export class Run {
  /** @type {Sample[]} */
  samples = [];
  steps = 0;

  /**
   * @param {Recordings} recordings
   * @param {Task} task
   * @param {Map<string, Learner>} known learners that were made before; their memory is used again
   */
  constructor(recordings, { data, seed, learners }, known = new Map()) {
    this.about = recordings.about;
    this.data = data;
    this.learners = learners.map((name) => {
      const learner = known.get(name) ?? new Learner(name, recordings);
      known.set(name, learner);
      learner.restart(seed);
      return learner;
    });
    this.batches = new Batches(data.labels.length, stream(seed, "batches"));
    this.meta = new Batches(data.cleanLabels.length, stream(seed, "meta batches"));
    /** Of each learner, each point's weight when it was last in a batch. */
    this.weights = learners.map(() => new Float32Array(data.labels.length).fill(1));
    this.sums = learners.map(() => new Float64Array(2 * GROUPS.length));
    this.last = this.#batch();
    this.#sample();
  }

  /** One batch for every learner. */
  step() {
    if (this.steps) this.last = this.#batch();
    this.learners.forEach((learner, place) => {
      learner.train(this.last.inputs);
      this.#note(learner, place);
    });
    this.steps++;
    if (this.steps % SAMPLE_EVERY === 0) this.#sample();
  }

  /**
   * What every learner makes of a point now, in the last batch with this point as its first; nothing is learnt.
   * @param {number} point
   * @returns {Reading[]}
   */
  read(point) {
    const inputs = this.#inputs([point, ...this.last.chosen.slice(1)], this.last.clean);
    const { classes } = this.about;
    return this.learners.map((learner) => {
      learner.probe(inputs);
      const row = (/** @type {string} */ name) => [...learner.step.outputs[name].data.subarray(0, classes)];
      return { flows: row("flows"), weights: row("weights"), g: "g" in learner.step.outputs ? row("g") : null };
    });
  }

  /** The mean loss of the clean set, for each learner. */
  #cleanLosses() {
    const { cleanPoints, cleanLabels } = this.data;
    return this.learners.map((learner) =>
      learner.look(cleanPoints, cleanLabels).losses.reduce((sum, loss) => sum + loss, 0) / cleanLabels.length);
  }

  #batch() {
    const chosen = this.batches.next(this.about.batch), clean = this.meta.next(this.about.batch);
    return { chosen, clean, inputs: this.#inputs(chosen, clean) };
  }

  /** @type {(chosen: number[], clean: number[]) => Record<string, ArrayLike<number>>} */
  #inputs(chosen, clean) {
    const { points, labels, cleanPoints, cleanLabels, hand } = this.data;
    return {
      images: rowsOf(points, chosen), labels: chosen.map((k) => labels[k]),
      metaImages: rowsOf(cleanPoints, clean), metaLabels: clean.map((k) => cleanLabels[k]),
      weights: chosen.map((k) => hand[k] ?? 1),
    };
  }

  /** @type {(learner: Learner, place: number) => void} */
  #note(learner, place) {
    const { classes } = this.about, { labels, truth } = this.data, sums = this.sums[place];
    const { moved, sizes, weight } = learner.step.outputs;
    this.last.chosen.forEach((point, row) => {
      this.weights[place][point] = weight.data[row];
      for (let c = 0; c < classes; c++) {
        const wrong = labels[point] !== truth[point];
        const group = !wrong ? 0 : c === labels[point] ? 1 : c === truth[point] ? 2 : 3;
        sums[2 * group] += moved.data[row * classes + c];
        sums[2 * group + 1] += sizes.data[row * classes + c];
      }
    });
  }

  #sample() {
    const { points, truth } = this.data;
    this.samples.push({
      step: this.steps,
      accuracy: this.learners.map((learner) => accuracy(learner.look(points).logits, truth)),
      weights: this.sums.map((sums) => GROUPS.map((_, k) => (sums[2 * k + 1] ? sums[2 * k] / sums[2 * k + 1] : null))),
      cleanLosses: this.#cleanLosses(),
    });
    for (const sums of this.sums) sums.fill(0);
  }
}

/** @type {(points: Float32Array, chosen: number[]) => Float32Array} */
function rowsOf(points, chosen) {
  const rows = new Float32Array(2 * chosen.length);
  chosen.forEach((k, row) => {
    rows[2 * row] = points[2 * k];
    rows[2 * row + 1] = points[2 * k + 1];
  });
  return rows;
}
