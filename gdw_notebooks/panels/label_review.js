// @ts-check
// The label review's browser side: it shows the card that Python sent, and sends back what was pressed.

/**
 * @typedef {{ name: string, key: string, confirmed: number }} ClassEntry
 * @typedef {{ progress: string, path?: string, picture?: string, observed?: string, proposed?: string,
 *             score?: string, reason?: string }} Card
 * @typedef {{ classes: ClassEntry[], card: Card, message: string, answered: number, large: boolean }} State
 * @typedef {{ get<K extends keyof State>(name: K): State[K], set<K extends keyof State>(name: K, value: State[K]): void,
 *             save_changes(): void, send(content: object): void,
 *             on(event: string, listener: () => void): void, off(event: string, listener: () => void): void }} Model
 * @typedef {"right" | "correct" | "accept" | "skip" | "undo"} Action
 * @typedef {{ action: Action, name?: string }} Press
 */

/**
 * What a key means; undefined: nothing.
 * @param {string} key as in KeyboardEvent.key
 * @param {ClassEntry[]} classes
 * @param {Card} card
 * @returns {Press | undefined}
 */
export function pressOf(key, classes, card) {
  if (key === "Backspace") return { action: "undo" };
  if (card.path === undefined) return undefined;
  if (key === " ") return { action: "right" };
  if (key === "ArrowRight") return { action: "skip" };
  if (key === "Enter") return card.proposed === undefined ? undefined : { action: "accept" };
  const chosen = classes.find((entry) => entry.key !== "" && entry.key === key.toLowerCase());
  return chosen && { action: "correct", name: chosen.name };
}

/**
 * An element with attributes and children; `on…` attributes are listeners.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} element
   */
  constructor(model, element) {
    this.model = model;
    /** Whether a press is on its way: another one waits until Python has answered it. */
    this.waiting = false;
    this.progress = make("p", { class: "progress" });
    this.picture = make("div", { class: "picture" });
    this.words = make("div", { class: "words" });
    this.live = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.problem = make("p", { class: "problem", role: "alert" });
    this.buttons = make("div", { class: "classes", role: "group", "aria-label": "The picture shows" });
    this.rightButton = this.button("Right (space)", { action: "right" });
    this.acceptButton = this.button("Accept (Enter)", { action: "accept" });
    this.skipButton = this.button("Skip (→)", { action: "skip" });
    this.undoButton = this.button("Undo (backspace)", { action: "undo" });
    this.largeButton = make("button", {
      type: "button", onmousedown: this.keepFocus.bind(this), onclick: () => this.enlarge(),
    }, "Large type");
    this.root = make("section", {
      class: "gdw-review", tabindex: "0", "aria-label": "Label review",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onclick: () => this.root.focus({ preventScroll: true }),
    }, this.progress, this.live, this.problem,
    make("div", { class: "body" }, this.picture,
      make("div", { class: "side" }, this.words,
        make("div", { class: "tools" }, this.rightButton, this.acceptButton, this.skipButton, this.undoButton),
        this.buttons)),
    make("p", { class: "help" }, "Click here, then use the keys. Each decision is saved at once."),
    make("div", { class: "tools" }, this.largeButton));
    element.append(this.root);
    this.redraw = () => this.draw();
    this.reply = () => { this.waiting = false; this.draw(); };
    this.names = ["classes", "card", "message", "large"].map((name) => `change:${name}`);
    this.names.forEach((name) => model.on(name, this.redraw));
    model.on("change:answered", this.reply);
    this.draw();
  }

  remove() {
    this.names.forEach((name) => this.model.off(name, this.redraw));
    this.model.off("change:answered", this.reply);
  }

  /** A click leaves the focus on the review: the next space is then not a second press of this button.
   * @param {MouseEvent} event */
  keepFocus(event) { event.preventDefault(); }

  /**
   * @param {string} text
   * @param {Press} press
   */
  button(text, press) {
    return make("button", { type: "button", onmousedown: this.keepFocus.bind(this), onclick: (/** @type {Event} */ e) => {
      e.stopPropagation();
      this.press(press);
      if (document.activeElement?.closest(".gdw-review") !== this.root) this.root.focus({ preventScroll: true });
    } }, text);
  }

  enlarge() {
    this.model.set("large", !this.model.get("large"));
    this.model.save_changes();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation(); // JupyterLab would take it for its cells, where "x" cuts one
    const onButton = event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter");
    const press = pressOf(event.key, this.model.get("classes"), this.model.get("card"));
    if (onButton || press === undefined) return;
    event.preventDefault();
    if (!event.repeat) this.press(press); // a key that is held down decides one picture, not fifty
  }

  /** @param {Press} press */
  press(press) {
    if (this.waiting) return;
    this.waiting = true;
    this.model.send({ ...press, path: this.model.get("card").path });
  }

  draw() {
    const card = this.model.get("card"), classes = this.model.get("classes");
    const open = card.path !== undefined;
    this.root.classList.toggle("large-type", this.model.get("large"));
    this.largeButton.setAttribute("aria-pressed", String(this.model.get("large")));
    this.progress.textContent = card.progress;
    this.problem.textContent = this.model.get("message");
    this.picture.replaceChildren(open
      ? make("img", { src: card.picture, alt: `picture ${card.path}` })
      : make("p", {}, "Nothing is left to review."));
    this.words.replaceChildren(...this.lines(card));
    for (const button of [this.rightButton, this.skipButton]) button.toggleAttribute("disabled", !open);
    this.acceptButton.hidden = card.proposed === undefined;
    const entries = classes.map((entry) => [entry.name, entry.key, entry.confirmed].join("\n")).join("\n");
    if (this.buttons.dataset.shown !== entries + open) {
      this.buttons.dataset.shown = entries + open;
      const focused = [...this.buttons.children].indexOf(/** @type {Element} */ (document.activeElement));
      this.buttons.replaceChildren(...classes.map((entry) => this.classButton(entry, open)));
      if (focused >= 0) /** @type {HTMLElement} */ (this.buttons.children[focused]).focus({ preventScroll: true });
    }
    this.live.textContent = open ? this.words.innerText : "Nothing is left to review.";
  }

  /** @param {Card} card */
  lines(card) {
    if (card.path === undefined) return [];
    const lines = [make("p", {}, "label ", make("strong", { class: "observed" }, card.observed ?? ""))];
    if (card.proposed !== undefined) {
      lines.push(make("p", {}, "proposed ", make("strong", { class: "proposed" }, card.proposed), ` (score ${card.score})`));
      if (card.reason) lines.push(make("p", { class: "reason" }, card.reason));
    }
    lines.push(make("p", { class: "path" }, card.path));
    return lines;
  }

  /**
   * @param {ClassEntry} entry
   * @param {boolean} open
   */
  classButton(entry, open) {
    const button = this.button("", { action: "correct", name: entry.name });
    button.append(...(entry.key ? [make("kbd", {}, entry.key), " "] : []), entry.name,
      make("small", {}, ` ${entry.confirmed} confirmed`));
    button.toggleAttribute("disabled", !open);
    return button;
  }
}

/** @param {{ model: Model, el: HTMLElement }} host */
function render({ model, el }) {
  const view = new View(model, el);
  return () => view.remove();
}

export default { render };
