// @ts-check
// The flow microscope's browser side: it multiplies the maps that Python sent, draws bars, and knows no formula.
import { make, signed } from "../playground/script/parts.js";
import { clamp, read, SMALL_STEP } from "./microscope_numbers.js";
import { Rows } from "./microscope_rows.js";

/**
 * @typedef {import("./microscope_numbers.js").Instance} Instance
 * @typedef {import("./microscope_numbers.js").Mode} Mode
 * @typedef {import("./microscope_numbers.js").Model} Model
 * @typedef {import("./microscope_numbers.js").Reading} Reading
 * @typedef {import("./microscope_numbers.js").Show} Show
 * @typedef {import("./microscope_numbers.js").State} State
 */

const SAVE_EVERY = 100;                       // ms between messages to Python while a bar is dragged
const ANNOUNCE_AFTER = 500;                   // ms of quiet before a screen reader hears the new state

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
  return text.replace(/\{(\w+)\}/g, (_, name) => signed(values[name], 3));
}

class View {
  /** @type {number | undefined} */ frame;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ saving;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ announcing;
  /** @type {Instance | undefined} */ instance;
  /** Radio buttons of two microscopes on one page need different names. */
  id = Math.random().toString(36).slice(2);
  title = make("p", { class: "finding" });
  live = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
  picture = make("div", { class: "picture" });
  labels = make("p", { class: "labels" });
  numbers = make("dl", { class: "numbers" });
  table = make("details", {}, make("summary", {}, "Data as a table"), make("div"));
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
    this.rows = new Rows(model, this.root, (values, options) => this.change(values, options), () => this.schedule());
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
        make("div", { class: "main" }, this.modes(), this.oneWeight, this.rows.element)),
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
  weigh(input, now) {
    const value = input.valueAsNumber, weight = clamp(value, 0, this.rows.largest());
    if (!Number.isFinite(value)) return this.schedule();  // no number: the field shows the weight again
    this.change({ weight }, { now });
    if (now && weight !== value) input.value = weight.toFixed(3);  // the field shows what counts, even where nothing has changed
  }

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
    state.pushes.forEach((_, c) => this.rows.draw(c, state));
    this.drawNumbers(state);
    this.drawPlace();
    this.drawTable(state); // closed as well: paper opens it, and does not wait
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
    this.rows.enter(instance);
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
    this.numbers.querySelectorAll("dd").forEach((value, k) => { value.textContent = signed(numbers[k], 3); });
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
      make("thead", {}, line("th", ["class", "probability", "weight", "push"])),
      make("tbody", {}, ...instance.class_names.map((name, c) =>
        line("td", [name, instance.probs[c].toFixed(3), weights[c].toFixed(3), signed(pushes[c], 3)])))));
  }
}

/** @param {{ model: Model, el: HTMLElement }} host */
function render({ model, el }) {
  const view = new View(model, el);
  return () => view.remove();
}

export default { render };
