// @ts-check
// Tensors as the recordings have them: numbers in one array, a shape, and how far apart neighbours are.
// They are float64, JavaScript's own numbers: rounding then grows too little to change what a shared address shows.

/**
 * @typedef {{ data: Float64Array, shape: number[], stride: number[], offset: number }} Tensor
 */

/** @type {(shape: number[]) => number} */
export const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);

/**
 * The strides of a contiguous tensor.
 * @param {number[]} shape
 */
export function contiguous(shape) {
  const stride = new Array(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    stride[axis] = step;
    step *= shape[axis];
  }
  return stride;
}

/**
 * New memory, all zeros.
 * @param {number[]} shape
 * @returns {Tensor}
 */
export function tensor(shape) {
  return { data: new Float64Array(sizeOf(shape)), shape, stride: contiguous(shape), offset: 0 };
}

/** @type {(a: Tensor) => boolean} */
export function isContiguous(a) {
  const wanted = contiguous(a.shape);
  return a.stride.every((step, axis) => step === wanted[axis] || a.shape[axis] === 1);
}

/**
 * The same memory, the last two axes exchanged.
 * @param {Tensor} a
 * @returns {Tensor}
 */
export function transposed(a) {
  return { ...a, shape: [...a.shape].reverse(), stride: [...a.stride].reverse() };
}

/**
 * The same memory, seen in a larger shape: what is repeated has stride 0.
 * @param {Tensor} a
 * @param {number[]} shape
 * @returns {Tensor}
 */
export function expanded(a, shape) {
  const missing = shape.length - a.shape.length;
  const stride = shape.map((_, axis) => (axis < missing || a.shape[axis - missing] === 1 ? 0 : a.stride[axis - missing]));
  return { ...a, shape, stride };
}

/**
 * The same memory with one more axis of length 1.
 * @param {Tensor} a
 * @param {number} axis
 * @returns {Tensor}
 */
export function unsqueezed(a, axis) {
  const place = axis < 0 ? axis + a.shape.length + 1 : axis;
  const shape = [...a.shape], stride = [...a.stride];
  shape.splice(place, 0, 1);
  stride.splice(place, 0, 0);
  return { ...a, shape, stride };
}

/**
 * The same memory, one place of an axis.
 * @param {Tensor} a
 * @param {number} axis
 * @param {number} place
 * @returns {Tensor}
 */
export function selected(a, axis, place) {
  const offset = a.offset + place * a.stride[axis];
  const others = (/** @type {number[]} */ list) => list.filter((_, k) => k !== axis);
  return { ...a, shape: others(a.shape), stride: others(a.stride), offset };
}
