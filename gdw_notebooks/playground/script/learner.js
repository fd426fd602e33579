// @ts-check
// One learner: the recorded step of a method, and a forward pass through the network that it trains.
import { decoded, Plan } from "./plan.js";

/**
 * @typedef {import("./plan.js").Recording} Recording
 * @typedef {{ torch: string, batch: number, rows: number, classes: number, starts: number, rate: number }} About
 * @typedef {{ about: About, clouds: { points: string, labels: number[] }, [learner: string]: any }} Recordings
 * @typedef {Record<string, ArrayLike<number>>} Inputs
 */

export class Learner {
  /**
   * @param {string} name
   * @param {Recordings} recordings
   */
  constructor(name, recordings) {
    this.name = name;
    this.about = recordings.about;
    this.step = new Plan(recordings[name]);
    // What a step changes: it starts from the recorded numbers or from zero.
    this.states = [...this.step.tensors].filter(([key]) => /^(network|method)\./.test(key));
    this.forward = new Plan(recordings.forward, new Map(this.states));
    /** @type {Record<string, string[]>} */
    this.starts = { ...recordings.forward.starts, ...recordings[name].starts };
  }

  /**
   * All numbers as before the first step.
   * @param {number} seed
   */
  restart(seed) {
    for (const [name, { data }] of this.states)
      if (name in this.starts) data.set(decoded(this.starts[name][seed % this.about.starts]));
      else data.fill(0);
    this.step.write("rate", [this.about.rate]);
  }

  /**
   * One step of training.
   * @param {Inputs} inputs
   */
  train(inputs) {
    for (const [name, numbers] of Object.entries(inputs)) this.step.write(name, numbers);
    this.step.run();
  }

  /**
   * The outputs of a step that is not taken: all numbers are put back.
   * @param {Inputs} inputs
   */
  probe(inputs) {
    const before = this.states.map(([, { data }]) => data.slice());
    this.train(inputs);
    this.states.forEach(([, { data }], k) => data.set(before[k]));
  }

  /**
   * What the network says of points.
   * @param {Float32Array} points x and y of each
   * @param {number[]} [labels] for their losses
   * @returns {{ logits: Float64Array, losses: Float64Array }}
   */
  look(points, labels = []) {
    const { rows, classes } = this.about, count = points.length / 2;
    const logits = new Float64Array(count * classes), losses = new Float64Array(count);
    for (let from = 0; from < count; from += rows) {
      const to = Math.min(count, from + rows);
      this.forward.write("images", points.subarray(2 * from, 2 * to));
      this.forward.write("labels", labels.slice(from, to));
      this.forward.run();
      logits.set(this.forward.outputs.logits.data.subarray(0, (to - from) * classes), from * classes);
      losses.set(this.forward.outputs.losses.data.subarray(0, to - from), from);
    }
    return { logits, losses };
  }
}

/**
 * How many points have their largest logit at their class, as a share.
 * @param {Float64Array} logits
 * @param {number[]} truth
 */
export function accuracy(logits, truth) {
  const classes = logits.length / truth.length;
  let right = 0;
  truth.forEach((label, point) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[point * classes + c] > logits[point * classes + best]) best = c;
    right += Number(best === label);
  });
  return right / truth.length;
}
