// A host for an anywidget front end without a kernel: the model keeps its values here, and gdwRender draws into the page.

/** What anywidget's front-end interface (AFM) asks of a model; save_changes() has nobody to tell. */
function makeModel(state) {
  const values = { ...state }, listeners = new Map();
  const tell = (event) => [...(listeners.get(event) ?? [])].forEach((listener) => listener());
  return {
    get: (name) => values[name],
    set(name, value) {
      if (values[name] === value) return;
      values[name] = value;
      tell(`change:${name}`);
      tell("change");
    },
    on(event, listener) { listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)); },
    off(event, listener) { listener ? listeners.get(event)?.delete(listener) : listeners.delete(event); },
    save_changes() {},
    send() {},
  };
}

for (const place of document.querySelectorAll("[data-live]")) {
  place.replaceChildren();
  place.model = makeModel(place.dataset.state ? JSON.parse(place.dataset.state) : window.gdwData);
  window.gdwRender({ model: place.model, el: place });
  addEventListener("DOMContentLoaded", () => followLargeType(place.model, place));
}

/** Where the site has a button for large type, it is the panel's too. */
function followLargeType(model, place) {
  const root = document.documentElement, own = [...place.querySelectorAll("button")].find((each) => each.textContent === "Large type");
  if (!own || !document.querySelector("[data-large-type]")) return;
  const follow = () => model.set("large", root.classList.contains("large-type"));
  own.remove();
  new MutationObserver(follow).observe(root, { attributeFilter: ["class"] });
  follow();
}
