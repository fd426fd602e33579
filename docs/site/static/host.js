// @ts-check
// A host for an anywidget front end without a kernel: the model keeps its values here, and gdwRender draws into the page.

/**
 * @typedef {() => void} Listener
 * @typedef {ReturnType<typeof makeModel>} Model
 * @typedef {{ gdwData: Values, gdwRender(host: { model: Model, el: HTMLElement }): void }} Page what the scripts before left
 * @typedef {Record<string, any>} Values
 */

const { gdwData, gdwRender } = /** @type {Window & Page} */ (/** @type {unknown} */ (window));

/** What anywidget's front-end interface (AFM) asks of a model; save_changes() has nobody to tell. @param {Values} state */
function makeModel(state) {
  /** @type {Map<string, Set<Listener>>} */
  const listeners = new Map(), values = { ...state };
  const tell = (/** @type {string} */ event) => [...(listeners.get(event) ?? [])].forEach((listener) => listener());
  return {
    get: (/** @type {string} */ name) => values[name],
    set(/** @type {string} */ name, /** @type {any} */ value) {
      if (values[name] === value) return;
      values[name] = value;
      tell(`change:${name}`);
      tell("change");
    },
    on(/** @type {string} */ event, /** @type {Listener} */ listener) { listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)); },
    /** @type {(event: string, listener?: Listener) => void} */
    off(event, listener) { listener ? listeners.get(event)?.delete(listener) : listeners.delete(event); },
    save_changes() {},
    send() {},
  };
}

for (const place of /** @type {NodeListOf<HTMLElement & { model: Model }>} */ (document.querySelectorAll("[data-live]"))) {
  place.replaceChildren();
  place.model = makeModel(place.dataset.state ? JSON.parse(place.dataset.state) : gdwData);
  gdwRender({ model: place.model, el: place });
  addEventListener("DOMContentLoaded", () => followLargeType(place.model, place));
}

/** Where the site has a button for large type, it is the panel's too. @type {(model: Model, place: HTMLElement) => void} */
function followLargeType(model, place) {
  const root = document.documentElement, own = [...place.querySelectorAll("button")].find((each) => each.textContent === "Large type");
  if (!own || !document.querySelector("[data-large-type]")) return;
  const follow = () => model.set("large", root.classList.contains("large-type"));
  own.remove();
  new MutationObserver(follow).observe(root, { attributeFilter: ["class"] });
  follow();
}
