// @ts-check
// The flow microscope's browser side: it multiplies the maps that Python sent, draws bars, and knows no formula.

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
 * @typedef {{ row: HTMLElement, track: HTMLElement, bar: HTMLElement, handle: HTMLElement, push: HTMLElement,
 *             number: HTMLInputElement }} Cells one class's row
 */

const SMALL_STEP = 0.05, LARGE_STEP = 0.25;   // of a weight, for arrows and for PageUp / PageDown
const SMALLEST_REACH = 80;                    // pixels that a weight of 1 spans at least when a tiny bar is dragged
const SAVE_EVERY = 100;                       // ms between messages to Python while a bar is dragged
const ANNOUNCE_AFTER = 500;                   // ms of quiet before a screen reader hears the new state

/** @type {(matrix: number[][], vector: number[]) => number[]} */
export const product = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, k) => sum + value * vector[k], 0));
/** @type {(value: number, low: number, high: number) => number} */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
/** @type {(value: number) => string} */
export const signed = (value) => {
  const text = Math.abs(value).toFixed(3);
  return Number(text) === 0 ? "0.000" : (value < 0 ? "−" : "+") + text;
};

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
 * An element with attributes and children; `on…` attributes are listeners.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
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

/**
 * The sentence above the bars; Python wrote it, the numbers are filled in here.
 * @param {Reading} reading
 */
function finding({ instance, mode, pushes, numbers }) {
  const texts = instance.findings;
  const off = mode === "free" && Math.abs(numbers[0]) >= 5e-4, above = numbers[2] >= 5e-4;
  const text = texts[mode] ?? (mode === "free" ? texts[off ? "unbalanced" : "balanced"] : texts[above ? "above" : "below"]);
  /** @type {Record<string, number>} */
  const values = { sum: numbers[0], observed: numbers[1], rival: numbers[2], label: pushes[instance.label] };
  return text.replace(/\{(\w+)\}/g, (_, name) => signed(values[name]));
}

class View {
  /** @type {number | undefined} */ frame;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ saving;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ announcing;
  /** @type {Instance | undefined} */ instance;
  /** @type {Cells[]} */ cells = [];
  /** Radio buttons of two microscopes on one page need different names. */
  id = Math.random().toString(36).slice(2);
  title = make("p", { class: "finding" });
  live = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
  picture = make("div", { class: "picture" });
  labels = make("p", { class: "labels" });
  rows = make("div", { class: "rows" });
  numbers = make("dl", { class: "numbers" });
  table = make("details", { ontoggle: () => this.schedule() }, make("summary", {}, "Data as a table"), make("div"));
  where = make("p", { class: "where" });
  show = make("select", { onchange: () => this.filter(/** @type {Show} */ (this.show.value)) });
  range = make("input", {
    type: "range", min: 0, step: 0.01, "aria-label": "Weight of the whole instance",
    oninput: () => this.weigh(this.range, false), onchange: () => this.weigh(this.range, true),
  });
  number = make("input", {
    type: "number", min: 0, step: SMALL_STEP, "aria-label": "Weight of the whole instance, as a number",
    onchange: () => this.weigh(this.number, true),
  });
  oneWeight = make("div", { class: "one-weight" }, make("span", {}, "instance weight"), this.range, this.number);
  navigate = make("div", { class: "navigate" });
  largeButton = make("button", {
    type: "button", onclick: () => this.change({ large: !this.model.get("large") }),
  }, "Large type");
  /** @type {[HTMLInputElement, HTMLElement][]} */ radios = [];

  /**
   * @param {Model} model
   * @param {HTMLElement} element
   */
  constructor(model, element) {
    this.model = model;
    this.root = make("section", {
      class: "gdw-microscope", "aria-label": "Flow microscope",
      // JupyterLab would take it for its cells, where an arrow leaves the cell and "x" cuts it.
      onkeydown: (/** @type {KeyboardEvent} */ event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); },
    });
    element.append(this.root);
    this.build();
    this.changed = () => this.schedule();
    this.names = ["instances", "index", "mode", "weights", "weight", "show", "large"].map((n) => `change:${n}`);
    this.names.forEach((name) => model.on(name, this.changed));
    this.draw();
  }

  remove() {
    this.names.forEach((name) => this.model.off(name, this.changed));
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    clearTimeout(this.saving);
    clearTimeout(this.announcing);
  }

  /** One redraw for each frame, however many changes came. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.draw(); });
  }

  /**
   * @param {Partial<State>} values
   * @param {{ now?: boolean }} options now: Python hears of it at once
   */
  change(values, { now = true } = {}) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    if (now) {
      clearTimeout(this.saving);
      this.saving = undefined;
      this.model.save_changes();
    } else {
      this.saving ??= setTimeout(() => { this.saving = undefined; this.model.save_changes(); }, SAVE_EVERY);
    }
  }

  // ---- what is built once -------------------------------------------------------------------------------------

  build() {
    this.root.append(
      this.title, this.live,
      make("div", { class: "body" },
        make("div", { class: "side" }, this.picture, this.labels, this.navigation()),
        make("div", { class: "main" }, this.modes(), this.oneWeight, this.rows)),
      this.numbers, this.tools(), this.table,
    );
  }

  navigation() {
    const choices = [["all", "all"], ["mislabelled", "mislabelled only"], ["clean", "clean only"]];
    this.show.append(...choices.map(([value, text]) => make("option", { value }, text)));
    this.navigate.append(
      make("div", { class: "buttons" },
        make("button", { type: "button", onclick: () => this.move(-1) }, "Previous"),
        make("button", { type: "button", onclick: () => this.move(1) }, "Next")),
      this.where, make("label", {}, "Show ", this.show));
    return this.navigate;
  }

  modes() {
    const texts = { instance: "one weight for the instance", classes: "one for each class", free: "constraint off" };
    this.radios = Object.entries(texts).map(([value, text]) => {
      const input = make("input", { type: "radio", name: `mode-${this.id}`, value, onchange: () => this.enter(/** @type {Mode} */ (value)) });
      return [input, make("label", {}, input, ` ${text}`)];
    });
    return make("fieldset", { class: "modes" }, make("legend", {}, "Weights"), ...this.radios.map(([, label]) => label));
  }

  tools() {
    return make("div", { class: "tools" },
      make("button", { type: "button", onclick: () => this.reset() }, "Reset"), this.largeButton);
  }

  // ---- what a hand does ---------------------------------------------------------------------------------------

  /**
   * The one weight of the whole instance, from a control.
   * @param {HTMLInputElement} input
   * @param {boolean} now
   */
  weigh(input, now) { this.change({ weight: clamp(Number(input.value), 0, this.largest()) }, { now }); }

  largest() { return this.model.get("instances")[this.model.get("index")].largest_weight; }

  reset(index = this.model.get("index")) {
    const { weights, weight } = this.model.get("instances")[index];
    this.change({ index, weights: [...weights], weight });
  }

  /**
   * A mode starts from the weights that are shown, so nothing jumps.
   * @param {Mode} mode
   */
  enter(mode) {
    this.change(this.model.get("mode") === "instance" ? { mode } : { mode, weights: [...read(this.model).weights] });
  }

  shown(show = this.model.get("show")) {
    return this.model.get("instances").map((instance, index) => ({ instance, index }))
      .filter(({ instance }) => show === "all" || instance.mislabelled === (show === "mislabelled"))
      .map(({ index }) => index);
  }

  /**
   * @param {Show} show
   */
  filter(show) {
    const left = this.shown(show);
    this.model.set("show", show);
    if (left.length && !left.includes(this.model.get("index"))) this.reset(left[0]);
    else this.model.save_changes();
  }

  /**
   * @param {number} by
   */
  move(by) {
    const shown = this.shown(), at = shown.indexOf(this.model.get("index"));
    if (shown.length) this.reset(shown[(at + by + shown.length) % shown.length]);
  }

  /**
   * @param {number} c
   * @param {number} value
   * @param {boolean} now
   */
  setWeight(c, value, now) {
    if (!Number.isFinite(value)) return this.schedule();
    const weights = [...this.model.get("weights")];
    weights[c] = clamp(value, 0, this.largest());
    this.change({ weights }, { now });
  }

  /**
   * @param {number} c
   * @param {KeyboardEvent} event
   */
  press(c, event) {
    const value = weightAfter(event.key, this.model.get("weights")[c], this.largest());
    if (value === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.locked(c)) this.setWeight(c, value, true);
  }

  /**
   * @param {number} c
   */
  locked(c) {
    const { instance, mode } = read(this.model);
    return mode === "instance" || (mode === "classes" && c === instance.label);
  }

  /**
   * The bar's end follows the pointer; a tiny bar is given a longer reach.
   * @param {number} c
   * @param {PointerEvent} event
   */
  grab(c, event) {
    if (this.locked(c) || event.button) return;
    const row = this.cells[c], { instance } = read(this.model);
    const perWeight = pixelsPerWeight(instance.push_map[c][c], instance.axis, row.track.clientWidth);
    const from = event.clientX, weight = this.model.get("weights")[c];
    /** @type {(moved: PointerEvent) => void} */
    const follow = (moved) => this.setWeight(c, weight + (moved.clientX - from) / perWeight, false);
    const done = () => {
      row.track.removeEventListener("pointermove", follow);
      this.root.classList.remove("dragging");
      this.change({}, { now: true });
    };
    event.preventDefault();
    row.handle.focus({ preventScroll: true });
    row.track.setPointerCapture(event.pointerId);
    this.root.classList.add("dragging");
    row.track.addEventListener("pointermove", follow);
    row.track.addEventListener("lostpointercapture", done, { once: true });
  }

  // ---- what is seen -------------------------------------------------------------------------------------------

  draw() {
    const state = read(this.model), { instance, mode } = state;
    if (this.instance !== instance) this.enterInstance(instance);
    this.root.classList.toggle("large-type", this.model.get("large"));
    this.largeButton.setAttribute("aria-pressed", String(this.model.get("large")));
    this.root.dataset.mode = mode;
    this.radios.forEach(([input]) => { input.checked = input.value === mode; });
    this.oneWeight.hidden = mode !== "instance";
    this.range.value = String(this.model.get("weight"));
    this.range.setAttribute("aria-valuetext", `weight ${this.model.get("weight").toFixed(3)}`);
    if (document.activeElement !== this.number || !this.saving) this.number.value = this.model.get("weight").toFixed(3);
    this.title.textContent = finding(state);
    state.pushes.forEach((_, c) => this.drawRow(c, state));
    this.drawNumbers(state);
    this.drawPlace();
    if (this.table.open) this.drawTable(state);
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => { this.live.textContent = finding(read(this.model)); }, ANNOUNCE_AFTER);
  }

  /**
   * @param {Instance} instance
   */
  enterInstance(instance) {
    this.instance = instance;
    this.picture.replaceChildren(instance.picture
      ? make("img", { src: instance.picture, alt: instance.alt })
      : make("span", { class: "no-picture" }, instance.alt));
    const [observed, truth] = [instance.label, instance.true_label].map((c) => instance.class_names[c]);
    this.labels.replaceChildren(
      "observed label ", make("strong", { class: "observed" }, observed), make("br"),
      "true class ", make("strong", { class: "true" }, truth));
    this.range.max = this.number.max = String(instance.largest_weight);
    this.cells = instance.class_names.map((name, c) => this.row(name, c, instance));
    this.rows.replaceChildren(
      make("div", { class: "row head", "aria-hidden": "true" },
        make("span", {}, "class"), make("span", { class: "ends" }, make("span", {}, "← down"),
          make("span", {}, "push on the logit"), make("span", {}, "up →")),
        make("span", {}, "push"), make("span", {}, "weight")),
      ...this.cells.map(({ row }) => row));
  }

  /**
   * @param {string} name
   * @param {number} c
   * @param {Instance} instance
   */
  row(name, c, instance) {
    const isLabel = c === instance.label, isTrue = c === instance.true_label;
    const role = isTrue ? "true" : isLabel ? "observed" : "other";
    const tag = isLabel && isTrue ? "observed, true" : isLabel ? "observed" : isTrue ? "true" : "";
    const bar = make("div", { class: "bar" }), ghost = make("div", { class: "ghost" });
    const handle = make("div", {
      class: "handle", role: "slider", tabindex: 0, "aria-label": `Weight of ${name}`, "aria-valuemin": 0,
      "aria-valuemax": instance.largest_weight, "aria-orientation": "horizontal", onkeydown: (/** @type {KeyboardEvent} */ e) => this.press(c, e),
    });
    const track = make("div", { class: "track", onpointerdown: (/** @type {PointerEvent} */ event) => this.grab(c, event) },
      make("div", { class: "zero", style: `left: ${percentAt(0, instance.axis)}%` }), ghost, bar, handle);
    const push = make("span", { class: "push" });
    const number = make("input", {
      type: "number", min: 0, max: instance.largest_weight, step: SMALL_STEP, "aria-label": `Weight of ${name}, as a number`,
      onchange: () => this.setWeight(c, Number(number.value), true),
    });
    this.place(ghost, instance.push_map[c][c], instance);
    const row = make("div", { class: `row ${role}` },
      make("span", { class: "name" }, name, ...(tag ? [make("small", {}, tag)] : [])), track, push, number);
    return { row, track, bar, handle, push, number };
  }

  /**
   * A push as a stretch of its track, from 0.
   * @param {HTMLElement} element
   * @param {number} push
   * @param {Instance} instance
   */
  place(element, push, instance) {
    const [from, to] = [percentAt(Math.min(push, 0), instance.axis), percentAt(Math.max(push, 0), instance.axis)];
    element.style.left = `${from}%`;
    element.style.width = `${to - from}%`;
  }

  /**
   * @param {number} c
   * @param {Reading} reading
   */
  drawRow(c, { instance, weights, pushes }) {
    const { row, bar, handle, push, number } = this.cells[c], locked = this.locked(c);
    row.classList.toggle("locked", locked);
    this.place(bar, pushes[c], instance);
    handle.style.left = `${percentAt(pushes[c], instance.axis)}%`;
    handle.setAttribute("aria-valuenow", weights[c].toFixed(3));
    handle.setAttribute("aria-valuetext", `weight ${weights[c].toFixed(3)}, push ${signed(pushes[c])}`);
    handle.setAttribute("aria-disabled", String(locked));
    push.textContent = signed(pushes[c]);
    number.disabled = locked;
    number.value = weights[c].toFixed(3);
  }

  /**
   * @param {Reading} reading
   */
  drawNumbers({ instance, numbers }) {
    const names = instance.number_names, shown = [...names, ...instance.number_notes].join("|");
    if (this.numbers.dataset.shown !== shown) {  // another picture compares other classes
      this.numbers.dataset.shown = shown;
      this.numbers.replaceChildren(...names.map((name, k) => make("div", {},
        make("dt", {}, name, make("small", {}, instance.number_notes[k])), make("dd", {}))));
    }
    this.numbers.querySelectorAll("dd").forEach((value, k) => { value.textContent = signed(numbers[k]); });
    this.numbers.firstElementChild?.classList.toggle("off", Math.abs(numbers[0]) >= 5e-4);
    this.numbers.lastElementChild?.classList.toggle("above", numbers[2] >= 5e-4);
  }

  drawPlace() {
    const shown = this.shown(), all = this.model.get("instances").length;
    this.navigate.hidden = all < 2;
    this.show.value = this.model.get("show");
    this.where.textContent = `${this.instance?.name} (${shown.indexOf(this.model.get("index")) + 1} of ${shown.length})`;
  }

  /**
   * @param {Reading} reading
   */
  drawTable({ instance, weights, pushes }) {
    /** @type {(tag: "th" | "td", cells: string[]) => HTMLElement} */
    const line = (tag, cells) => make("tr", {}, ...cells.map((text) => make(tag, tag === "th" ? { scope: "col" } : {}, text)));
    this.table.lastElementChild?.replaceChildren(make("table", {},
      make("thead", {}, line("th", ["class", "belief", "weight", "push"])),
      make("tbody", {}, ...instance.class_names.map((name, c) =>
        line("td", [name, instance.probs[c].toFixed(3), weights[c].toFixed(3), signed(pushes[c])])))));
  }
}

/** @param {{ model: Model, el: HTMLElement }} host */
function render({ model, el }) {
  const view = new View(model, el);
  return () => view.remove();
}

export default { render };
