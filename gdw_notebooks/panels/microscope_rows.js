// @ts-check
// The flow microscope's bars: a row for each class, moved by pointer, keys or number.
import { make, signed } from "../playground/script/parts.js";
import { clamp, percentAt, pixelsPerWeight, read, SMALL_STEP, weightAfter } from "./microscope_numbers.js";

/**
 * @typedef {import("./microscope_numbers.js").Instance} Instance
 * @typedef {import("./microscope_numbers.js").Reading} Reading
 * @typedef {import("./microscope_numbers.js").Model} Model
 * @typedef {{ row: HTMLElement, track: HTMLElement, bar: HTMLElement, handle: HTMLElement, push: HTMLElement,
 *             number: HTMLInputElement }} Cells one class's row
 * @typedef {(values: Partial<import("./microscope_numbers.js").State>, options?: { now?: boolean }) => void} Change
 */

export class Rows {
  /** @type {Cells[]} */ cells = [];
  element = make("div", { class: "rows" });

  /**
   * @param {Model} model
   * @param {HTMLElement} root of the microscope
   * @param {Change} change
   * @param {() => void} redraw
   */
  constructor(model, root, change, redraw) {
    this.model = model;
    this.root = root;
    this.change = change;
    this.redraw = redraw;
  }

  largest() { return this.model.get("instances")[this.model.get("index")].largest_weight; }

  /**
   * @param {number} c
   * @param {number} value
   * @param {boolean} now
   */
  setWeight(c, value, now) {
    if (!Number.isFinite(value)) return this.redraw();
    const weights = [...this.model.get("weights")];
    weights[c] = clamp(value, 0, this.largest());
    this.change({ weights }, { now });
    if (weights[c] !== value) this.redraw();  // the field shows what counts, even where nothing has changed
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

  /** Rows for another instance. @param {Instance} instance */
  enter(instance) {
    this.cells = instance.class_names.map((name, c) => this.row(name, c, instance));
    this.element.replaceChildren(
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
      onchange: () => this.setWeight(c, number.valueAsNumber, true),
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
  draw(c, { instance, weights, pushes }) {
    const { row, bar, handle, push, number } = this.cells[c], locked = this.locked(c);
    row.classList.toggle("locked", locked);
    this.place(bar, pushes[c], instance);
    handle.style.left = `${percentAt(pushes[c], instance.axis)}%`;
    handle.setAttribute("aria-valuenow", weights[c].toFixed(3));
    handle.setAttribute("aria-valuetext", `weight ${weights[c].toFixed(3)}, push ${signed(pushes[c], 3)}`);
    handle.setAttribute("aria-disabled", String(locked));
    push.textContent = signed(pushes[c], 3);
    number.disabled = locked;
    number.value = weights[c].toFixed(3);
  }
}
