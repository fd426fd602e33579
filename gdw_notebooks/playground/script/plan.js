// @ts-check
// A recording made ready once: memory for every operation, and a list of functions that fill it in their order.
import { OPERATIONS } from "./operations.js";
import { tensor } from "./tensors.js";

/**
 * @typedef {import("./tensors.js").Tensor} Tensor
 * @typedef {[string, any, number[] | null, Record<string, any>?]} Node operation, arguments, shape, keywords
 * @typedef {{ nodes: Node[], outputs: Record<string, number>, starts: Record<string, string[]> }} Recording
 */

/**
 * The numbers of a text that Python wrote.
 * @param {string} text float32, in base64
 */
export function decoded(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

export class Plan {
  /** @type {Map<string, Tensor>} what the recording reads, by name: inputs, and what steps change */
  tensors;
  /** @type {Record<string, Tensor>} */
  outputs = {};
  /** @type {(() => void)[]} */
  #runs = [];

  /**
   * @param {Recording} recording
   * @param {Map<string, Tensor>} [shared] memory of another plan: the network that it trains
   */
  constructor(recording, shared = new Map()) {
    this.tensors = new Map(shared);
    /** @type {any[]} */
    const values = [];
    for (const [operation, given, shape, keywords] of recording.nodes)
      values.push(operation === "tensor" ? this.#named(given, shape ?? [])
        : this.#made(operation, filled(given, values), shape ?? [], filled(keywords ?? {}, values)));
    for (const [name, place] of Object.entries(recording.outputs)) this.outputs[name] = values[place];
  }

  /** Everything once more, from what the inputs are now. */
  run() { for (const run of this.#runs) run(); }

  /**
   * Write an input.
   * @param {string} name
   * @param {ArrayLike<number>} numbers
   */
  write(name, numbers) { this.tensors.get(name)?.data.set(numbers); }

  /** @type {(name: string, shape: number[]) => Tensor} */
  #named(name, shape) {
    const known = this.tensors.get(name) ?? tensor(shape);
    this.tensors.set(name, known);
    return known;
  }

  /** @type {(operation: string, args: any, shape: number[], keywords: Record<string, any>) => any} */
  #made(operation, args, shape, keywords) {
    if (!(operation in OPERATIONS)) throw new Error(`the page does not know torch's ${operation}`);
    const { value, run } = OPERATIONS[operation](args, shape, keywords);
    if (run) this.#runs.push(run);
    return value;
  }
}

/** @type {(written: any, values: any[]) => any} */
function filled(written, values) {
  if (written === "inf" || written === "-inf") return written === "inf" ? Infinity : -Infinity;
  if (Array.isArray(written)) return written.map((each) => filled(each, values));
  if (written === null || typeof written !== "object") return written;
  if ("node" in written) return values[written.node];
  return Object.fromEntries(Object.entries(written).map(([name, each]) => [name, filled(each, values)]));
}
