// @ts-check
// Loops written as text and compiled once: shapes and strides are numbers in them, so that the browser makes them fast.
import { expanded, sizeOf } from "./tensors.js";

/** @typedef {import("./tensors.js").Tensor} Tensor */
/** @typedef {() => void} Run one operation, on memory that is always the same */

const ROWS = 2, COLUMNS = 4; // of a product at once: its sums stay in registers

/**
 * Where an element is in memory, as a text with the loops' variables.
 * @param {Tensor} a
 * @param {string[]} variables one for each axis
 */
function place(a, variables) {
  const terms = a.stride.map((step, axis) => (step === 0 || a.shape[axis] === 1 ? "" : `${variables[axis]} * ${step}`));
  return [String(a.offset), ...terms.filter(Boolean)].join(" + ");
}

/** @type {(variables: string[], shape: number[], body: string) => string} */
const nested = (variables, shape, body) =>
  shape.reduceRight((inner, length, axis) => {
    const at = variables[axis];
    return `for (let ${at} = 0; ${at} < ${length}; ${at}++) {\n${inner}\n}`;
  }, body);

/** @type {(count: number) => string[]} */
const axes = (count) => Array.from({ length: count }, (_, axis) => `i${axis}`);

/**
 * A function over the memory of these tensors; the text calls them m0, m1, ...
 * @param {Tensor[]} tensors
 * @param {string} body
 * @returns {Run}
 */
function compile(tensors, body) {
  const names = tensors.map((_, k) => `m${k}`);
  const make = new Function(...names, `"use strict";\nreturn () => {\n${body}\n};`);
  return make(...tensors.map((each) => each.data));
}

/**
 * Each element of `out` from the elements at the same place of the others, called a, b, c, d, e in the expression.
 * @param {Tensor} out
 * @param {string} expression
 * @param {(Tensor | number | null)[]} given tensors are repeated to the shape of `out`
 * @returns {Run}
 */
export function elementwise(out, expression, given) {
  const tensors = [out], variables = axes(out.shape.length), lines = [];
  for (const [k, value] of given.entries()) {
    const name = "abcde"[k];
    if (value === null || typeof value === "number") lines.push(`const ${name} = ${value};`);
    else {
      lines.push(`const ${name} = m${tensors.length}[${place(expanded(value, out.shape), variables)}];`);
      tensors.push(value);
    }
  }
  lines.push(`m0[${place(out, variables)}] = ${expression};`);
  return compile(tensors, nested(variables, out.shape, lines.join("\n")));
}

/**
 * A sum over some axes, and what the expression makes of it: s is the sum, n how many were added.
 * @param {Tensor} out
 * @param {Tensor} a
 * @param {number[]} over
 * @param {boolean} keep whether `out` has those axes, with length 1
 * @param {string} expression
 * @returns {Run}
 */
export function reduction(out, a, over, keep, expression) {
  const rank = a.shape.length, variables = axes(rank), reduced = over.map((axis) => (axis + rank) % rank);
  const kept = [...a.shape.keys()].filter((axis) => !reduced.includes(axis));
  const there = keep ? variables : kept.map((axis) => variables[axis]);
  const count = sizeOf(reduced.map((axis) => a.shape[axis]));
  const sum = nested(reduced.map((axis) => variables[axis]), reduced.map((axis) => a.shape[axis]),
    `s += m1[${place(a, variables)}];`);
  const body = `let s = 0; const n = ${count};\n${sum}\nm0[${place(out, there)}] = ${expression};`;
  return compile([out, a], nested(kept.map((axis) => variables[axis]), kept.map((axis) => a.shape[axis]), body));
}

/**
 * A product of two matrices, plus a bias if there is one; a small block of sums at a time.
 * @param {Tensor} out
 * @param {Tensor} a
 * @param {Tensor} b
 * @param {Tensor | null} bias
 * @returns {Run}
 */
export function product(out, a, b, bias) {
  const [rows, columns] = out.shape, added = bias && expanded(bias, out.shape);
  const block = (/** @type {number} */ high, /** @type {number} */ wide) => {
    const is = Array.from({ length: high }, (_, k) => k), js = Array.from({ length: wide }, (_, k) => k);
    const cells = is.flatMap((i) => js.map((j) => ({ i, j, sum: `s${i}${j}`, where: [`(i + ${i})`, `(j + ${j})`] })));
    return [
      ...cells.map(({ sum, where }) => `let ${sum} = ${added ? `m3[${place(added, where)}]` : 0};`),
      `for (let k = 0; k < ${a.shape[1]}; k++) {`,
      ...is.map((i) => `const a${i} = m1[${place(a, [`(i + ${i})`, "k"])}];`),
      ...js.map((j) => `const b${j} = m2[${place(b, ["k", `(j + ${j})`])}];`),
      ...cells.map(({ i, j, sum }) => `${sum} += a${i} * b${j};`),
      "}",
      ...cells.map(({ sum, where }) => `m0[${place(out, where)}] = ${sum};`),
    ].join("\n");
  };
  const across = (/** @type {number} */ high) => {
    const whole = columns - (columns % COLUMNS), rest = columns - whole;
    const last = rest ? `{ const j = ${whole};\n${block(high, rest)}\n}` : "";
    return `for (let j = 0; j < ${whole}; j += ${COLUMNS}) {\n${block(high, COLUMNS)}\n}\n${last}`;
  };
  const whole = rows - (rows % ROWS);
  const last = whole < rows ? `{ const i = ${whole};\n${across(rows - whole)}\n}` : "";
  const body = `for (let i = 0; i < ${whole}; i += ${ROWS}) {\n${across(ROWS)}\n}\n${last}`;
  return compile(added ? [out, a, b, added] : [out, a, b], body);
}
