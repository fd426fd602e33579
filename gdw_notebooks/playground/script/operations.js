// @ts-check
// What torch's operations do, one entry for each kind that a recording has. Each makes its output once, and a function
// that fills it again and again.
import { elementwise, product, reduction } from "./loops.js";
import { expanded, isContiguous, selected, sizeOf, tensor, transposed, unsqueezed, contiguous } from "./tensors.js";

/** @typedef {import("./tensors.js").Tensor} Tensor */
/** @typedef {import("./loops.js").Run} Run */
/** @typedef {Record<string, any>} Keywords */
/** @typedef {{ value: Tensor | Tensor[], run?: Run }} Made */
/** @typedef {(args: any[], shape: number[], keywords: Keywords) => Made} Operation */

/**
 * Each element from the elements at the same place: a, b, c are the arguments.
 * @type {Record<string, string>}
 */
const EXPRESSIONS = {
  "relu.default": "a < 0 ? 0 : a",
  "sigmoid.default": "1 / (1 + Math.exp(-a))",
  "neg.default": "-a",
  "abs.default": "Math.abs(a)",
  "sign.default": "Math.sign(a)",
  "log.default": "Math.log(a)",
  "_to_copy.default": "a",
  "bitwise_not.default": "a ? 0 : 1",
  "add.Tensor": "a + b",
  "sub.Tensor": "a - b",
  "mul.Tensor": "a * b",
  "div.Tensor": "a / b",
  "eq.Tensor": "a === b ? 1 : 0",
  "where.self": "a ? b : c",
  "masked_fill.Scalar": "b ? c : a",
  "clamp_min.default": "a < b ? b : a",
  "clamp.default": "b !== null && a < b ? b : c !== null && a > c ? c : a",
  "threshold_backward.default": "b > c ? a : 0",
  "sigmoid_backward.default": "a * (1 - b) * b",
};

/**
 * Every element the same, or counted.
 * @type {Record<string, (args: any[]) => string>}
 */
const FILLS = {
  "arange.default": () => "i0",
  "ones_like.default": () => "1",
  "zeros_like.default": () => "0",
  "zeros.default": () => "0",
  "scalar_tensor.default": ([value]) => String(value),
};

/** @type {(out: Tensor, run: Run) => Made} */
const made = (value, run) => ({ value, run });

/** @type {(a: Tensor, shape: number[]) => Made} */
function viewed(a, shape) {
  if (isContiguous(a)) return { value: { ...a, shape, stride: contiguous(shape) } };
  const copy = tensor(a.shape), run = elementwise(copy, "a", [a]);
  return made({ ...copy, shape, stride: contiguous(shape) }, run);
}

/** @type {(expression: string) => Operation} */
const summed = (expression) => ([a, over, keep = false], shape) => {
  const out = tensor(shape);
  return made(out, reduction(out, a, [over].flat(), keep, expression));
};

/** @type {(a: Tensor) => { data: Float64Array, rows: number, columns: number }} */
function matrix(a) {
  if (!isContiguous(a)) throw new Error("a contiguous matrix was expected");
  const columns = a.shape[a.shape.length - 1];
  return { data: a.data, rows: sizeOf(a.shape) / columns, columns };
}

/** @type {(logarithm: boolean) => Operation} */
const softmax = (logarithm) => ([a], shape) => {
  const out = tensor(shape), { data, rows, columns } = matrix(a), to = out.data;
  return made(out, () => {
    for (let row = 0, from = 0; row < rows; row++, from += columns) {
      let largest = -Infinity, total = 0;
      for (let k = from; k < from + columns; k++) largest = Math.max(largest, data[k]);
      for (let k = from; k < from + columns; k++) total += Math.exp(data[k] - largest);
      const shift = largest + Math.log(total);
      for (let k = from; k < from + columns; k++)
        to[k] = logarithm ? data[k] - shift : Math.exp(data[k] - largest) / total;
    }
  });
};

const NONE = 0, SUM = 2; // torch's numbers for how losses are put together

/** @type {Record<string, Operation>} */
export const OPERATIONS = {
  "t.default": ([a]) => ({ value: transposed(a) }),
  "unsqueeze.default": ([a, axis]) => ({ value: unsqueezed(a, axis) }),
  "expand.default": ([a], shape) => ({ value: expanded(a, shape) }),
  "select.int": ([a, axis, place]) => ({ value: selected(a, axis, place) }),
  "getitem": ([list, place]) => ({ value: list[place] }),
  "view.default": ([a], shape) => viewed(a, shape),
  "_unsafe_view.default": ([a], shape) => viewed(a, shape),

  "mm.default": ([a, b], shape) => {
    const out = tensor(shape);
    return made(out, product(out, a, b, null));
  },
  "addmm.default": ([bias, a, b], shape) => {
    const out = tensor(shape);
    return made(out, product(out, a, b, bias));
  },

  "sum.dim_IntList": summed("s"),
  "mean.dim": summed("s / n"),
  "any.dim": summed("s > 0 ? 1 : 0"),

  "_softmax.default": softmax(false),
  "_log_softmax.default": softmax(true),
  "_log_softmax_backward_data.default": ([gradient, output], shape) => {
    const out = tensor(shape), { data, rows, columns } = matrix(gradient), logs = matrix(output).data, to = out.data;
    return made(out, () => {
      for (let row = 0, from = 0; row < rows; row++, from += columns) {
        let total = 0;
        for (let k = from; k < from + columns; k++) total += data[k];
        for (let k = from; k < from + columns; k++) to[k] = data[k] - Math.exp(logs[k]) * total;
      }
    });
  },
  "nll_loss_forward.default": ([logs, labels, weight, together]) => {
    if (weight !== null || (together !== NONE && together !== SUM)) throw new Error("each loss, or their plain sum, was expected");
    const { data, rows, columns } = matrix(logs), losses = tensor(together === NONE ? [rows] : []), to = losses.data;
    return { value: [losses, tensor([])], run: () => { // the second is for a mean
      to.fill(0);
      for (let row = 0; row < rows; row++) to[together === NONE ? row : 0] -= data[row * columns + labels.data[row]];
    } };
  },
  "nll_loss_backward.default": ([gradient, , labels, , together], shape) => {
    if (together !== SUM) throw new Error("the plain sum of losses was expected");
    const out = tensor(shape), [rows, columns] = shape, to = out.data;
    return made(out, () => {
      to.fill(0);
      for (let row = 0; row < rows; row++) to[row * columns + labels.data[row]] = -gradient.data[0];
    });
  },
  "stack.default": ([parts, axis], shape) => {
    const out = tensor(shape), last = (axis + shape.length) % shape.length;
    const runs = parts.map((/** @type {Tensor} */ part, /** @type {number} */ k) =>
      elementwise(selected(out, last, k), "a", [part]));
    return made(out, () => { for (const run of runs) run(); });
  },
  "select_backward.default": ([gradient, , axis, place], shape) => {
    const out = tensor(shape), run = elementwise(selected(out, axis, place), "a", [gradient]);
    return made(out, () => {
      out.data.fill(0);
      run();
    });
  },

  "add_.Tensor": ([a, b]) => made(a, elementwise(a, "a + b", [a, b])),
  "_foreach_add_.Scalar": ([tensors, value]) => {
    const runs = tensors.map((/** @type {Tensor} */ a) => elementwise(a, "a + b", [a, value]));
    return { value: tensors, run: () => { for (const run of runs) run(); } };
  },
  "_fused_sgd_.tensor_lr": ([parameters, gradients, buffers], _, keywords) => {
    const { weight_decay, momentum, lr, dampening, nesterov, is_first_step } = keywords;
    if (nesterov || dampening || is_first_step) throw new Error("plain momentum was expected");
    const runs = parameters.map((/** @type {Tensor} */ parameter, /** @type {number} */ k) => {
      const buffer = buffers[k];
      const moves = elementwise(buffer, `${momentum} * a + (b + ${weight_decay} * c)`, [buffer, gradients[k], parameter]);
      const steps = elementwise(parameter, "a - b * c", [parameter, buffer, lr]);
      return () => { moves(); steps(); };
    });
    return { value: parameters, run: () => { for (const run of runs) run(); } };
  },
  "_fused_adam_.default": ([parameters, gradients, means, squares, , counts], _, keywords) => {
    const { lr, beta1, beta2, weight_decay, eps } = keywords;
    if (keywords.amsgrad || keywords.maximize) throw new Error("plain Adam was expected");
    const first = tensor([]), second = tensor([]);
    const runs = parameters.map((/** @type {Tensor} */ parameter, /** @type {number} */ k) => {
      const gradient = tensor(parameter.shape), mean = means[k], square = squares[k], count = counts[k];
      const all = [
        elementwise(gradient, `a + ${weight_decay} * b`, [gradients[k], parameter]),
        elementwise(mean, `a + (b - a) * ${1 - beta1}`, [mean, gradient]),
        elementwise(square, `${beta2} * a + ${1 - beta2} * b * b`, [square, gradient]),
        elementwise(first, `1 - Math.pow(${beta1}, a)`, [count]),
        elementwise(second, `1 - Math.pow(${beta2}, a)`, [count]),
        elementwise(parameter, `a - ${lr} / d * b / (Math.sqrt(c) / Math.sqrt(e) + ${eps})`,
          [parameter, mean, square, first, second]),
      ];
      return () => { for (const run of all) run(); };
    });
    return { value: parameters, run: () => { for (const run of runs) run(); } };
  },
};

for (const [name, expression] of Object.entries(EXPRESSIONS))
  OPERATIONS[name] = (args, shape) => {
    const out = tensor(shape);
    return made(out, elementwise(out, expression, args));
  };
for (const [name, fill] of Object.entries(FILLS))
  OPERATIONS[name] = (args, shape) => {
    const out = tensor(shape);
    return made(out, elementwise(out, fill(args), []));
  };
