// A host for an anywidget front end without a kernel: the model keeps its values here, and render() draws into the page.

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

const place = document.querySelector("[data-live=microscope]");
place.replaceChildren();
window.gdwModel = makeModel(window.gdwData);
window.gdwMicroscope.render({ model: window.gdwModel, el: place });
