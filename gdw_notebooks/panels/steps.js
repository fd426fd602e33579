// @ts-check
// A page that Python made, moved step by step: it opens stages, fills in numbers, lights terms up, and computes nothing.
import { make } from "../playground/script/parts.js";

/**
 * @typedef {{ texts: string[], amounts: number[], places: string[] }} Frame what a step writes, in the page's order
 * @typedef {{ name: string, page: string, values: number[], frames: Frame[] }} Variant
 * @typedef {{ word: string, menu: string, variants: Variant[], variant: number, step: number, large: boolean,
 *             plays: boolean }} State what Python and the page share; `step` is one of the variant's values
 * @typedef {{ get<K extends keyof State>(name: K): State[K], set(name: string, value: unknown): void,
 *             save_changes(): void,
 *             on(event: string, listener: () => void): void, off(event: string, listener: () => void): void }} Model
 */

const PLAY_MS = 900;  // between two steps
const NAME = /\bof-(\w+)/;

/**
 * The term or the cells that hold this element, and the stage they are in.
 * @param {EventTarget | null} target
 */
function termAt(target) {
  const found = target instanceof Element ? target.closest("[class*='of-']") : null;
  const stage = found?.closest(".stage"), name = NAME.exec(found?.getAttribute("class") ?? "")?.[1];
  return stage && name ? { stage, name } : undefined;
}

class Steps {
  /** @type {ReturnType<typeof setInterval> | undefined} */ timer;
  /** @type {{ stage: Element, name: string } | undefined} */ pinned;
  body = make("div", { class: "shown" });
  where = make("output", { class: "where", "aria-live": "polite" });
  back = make("button", { type: "button", onclick: () => this.go(-1) }, "◀ Back");
  forward = make("button", { type: "button", onclick: () => this.go(1) }, "Forward ▶");
  play = make("button", { type: "button", onclick: () => this.toggle() }, "Play");
  largeButton = make("button", { type: "button", onclick: () => this.change("large", !this.model.get("large")) }, "Large type");
  slider = make("input", { type: "range", min: 0, step: 1, oninput: () => { this.stop(); this.at(Number(this.slider.value)); } });
  select = make("select", { onchange: () => this.choose(Number(this.select.value)) });

  /**
   * @param {Model} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    root.classList.add("gdw-steps");
    this.slider.setAttribute("aria-label", model.get("word"));
    const controls = make("div", { class: "controls" }, this.back, this.forward, this.slider, this.where, this.largeButton);
    if (model.get("plays")) this.forward.after(this.play);
    const variants = model.get("variants");
    this.select.append(...variants.map(({ name }, k) => make("option", { value: k }, name)));
    if (variants.length > 1) controls.prepend(make("label", {}, `${model.get("menu")} `, this.select));
    root.append(controls, this.body);
    root.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["mouseover", "focusin"]) root.addEventListener(name, (event) => this.light(termAt(event.target) ?? this.pinned));
    root.addEventListener("mouseleave", () => this.light(this.pinned));
    root.addEventListener("focusout", () => this.light(this.pinned));
    root.addEventListener("click", (event) => {
      const now = termAt(event.target), same = now?.name === this.pinned?.name && now?.stage === this.pinned?.stage;
      this.light(this.pinned = same ? undefined : now);
    });
    this.fill();
  }

  get variant() { return this.model.get("variants")[this.model.get("variant")]; }
  get index() { return Math.max(0, this.variant.values.indexOf(this.model.get("step"))); }

  /** @type {(name: keyof State, value: unknown) => void} */
  change(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
  /** @param {number} index */
  at(index) {
    const { values } = this.variant;
    this.change("step", values[Math.min(Math.max(index, 0), values.length - 1)]);
  }
  /** @param {number} steps */
  go(steps) {
    this.stop();
    this.at(this.index + steps);
  }
  /** @param {number} number */
  choose(number) {
    this.stop();
    const { values } = this.model.get("variants")[number];
    this.model.set("step", values.includes(this.model.get("step")) ? this.model.get("step") : values[values.length - 1]);
    this.change("variant", number);
  }
  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.play.textContent = "Play";
  }
  toggle() {
    if (this.timer) return this.stop();
    if (this.index === this.variant.values.length - 1) this.at(0);
    this.play.textContent = "Pause";
    this.timer = setInterval(() => {
      if (this.index >= this.variant.values.length - 1 || !this.root.isConnected) this.stop();
      else this.at(this.index + 1);
    }, PLAY_MS);
  }

  /** A key in here is ours, not the notebook's around it. @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    const steps = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!steps || event.target === this.slider || event.target === this.select) return;
    event.preventDefault();
    this.go(steps);
  }

  /** Terms and cells of one tensor, in the stage that they stand in. @param {{ stage: Element, name: string } | undefined} lit */
  light(lit) {
    for (const old of this.body.querySelectorAll(".lit")) old.classList.remove("lit");
    if (lit) for (const each of lit.stage.querySelectorAll(`.of-${lit.name}`)) each.classList.add("lit");
  }

  /** The variant's page, anew. */
  fill() {
    this.body.innerHTML = this.variant.page;
    this.pinned = undefined;
    for (const each of this.body.querySelectorAll(".formula [class*='of-'], .stage tbody")) {
      const name = NAME.exec(each.getAttribute("class") ?? "")?.[1];
      if (each.closest(".formula") || each.closest(".stage")?.querySelector(`.formula .of-${name}`)) each.setAttribute("tabindex", "0");
    }
    this.show();
  }

  /** The step that the model says. */
  show() {
    const { values, frames } = this.variant, index = this.index, word = this.model.get("word");
    this.root.classList.toggle("gdw-large", this.model.get("large"));
    this.largeButton.setAttribute("aria-pressed", String(this.model.get("large")));
    this.slider.max = String(values.length - 1);
    this.slider.value = String(index);
    this.slider.setAttribute("aria-valuetext", `${word} ${values[index]}`);
    this.select.value = String(this.model.get("variant"));
    this.where.textContent = `${word} ${values[index]} of ${values[values.length - 1]}`;
    const left = document.activeElement;
    this.back.disabled = index === 0;
    this.forward.disabled = index === values.length - 1;
    if ((left === this.back && this.back.disabled) || (left === this.forward && this.forward.disabled)) this.slider.focus();
    this.body.querySelectorAll(".stage").forEach((stage, k) => {
      if (stage.classList.contains("now") === (k === index) && stage.classList.contains("seen")) return;
      stage.classList.toggle("now", k === index);
      stage.classList.add("seen");
      /** @type {HTMLDetailsElement} */ (stage).open = k === index;
    });
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll("[data-from]"))) {
      const { from, to } = each.dataset;
      each.toggleAttribute("data-off", index < Number(from) || index > Number(to ?? Infinity));
    }
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll("[data-moves]"))) {
      each.style.transform = JSON.parse(each.dataset.moves ?? "[]")[index];
    }
    const frame = frames[index] ?? { texts: [], amounts: [], places: [] };
    this.body.querySelectorAll("[data-text]").forEach((each, k) => { each.textContent = frame.texts[k]; });
    this.body.querySelectorAll("[data-amount]").forEach((each, k) => {
      /** @type {HTMLElement} */ (each).style.setProperty("--amount", String(frame.amounts[k]));
    });
    this.body.querySelectorAll("[data-place]").forEach((each, k) => {
      /** @type {HTMLElement} */ (each).style.transform = frame.places[k];
    });
  }
}

/** @param {{ model: Model, el: HTMLElement }} host */
function render({ model, el }) {
  const root = make("div", { role: "group", "aria-label": `Page moved by ${model.get("word").toLowerCase()}` });
  el.replaceChildren(root);
  const steps = new Steps(model, root), show = () => steps.show(), fill = () => steps.fill();
  /** @type {[string, () => void][]} */
  const listeners = [["change:step", show], ["change:large", show], ["change:variant", fill]];
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => {
    steps.stop();
    for (const [event, listener] of listeners) model.off(event, listener);
  };
}

export default { render };
