// @ts-check
// A picture drawn here, from numbers: one of several views, chosen without a word from the kernel.
import { make, put } from "../playground/script/parts.js";
import { chart, swatch } from "../playground/script/chart.js";
import { lookAfter } from "./care.js";

/**
 * @typedef {import("../playground/script/chart.js").Plot} Plot
 * @typedef {{ name: string, color: string, dashes?: number[], hollow?: boolean, pale?: boolean, last?: string }} Entry
 * @typedef {{ words: string, title: string, columns?: number, plots?: Plot[], legend?: Entry[], pictures?: Shot[] }} Drawing
 * @typedef {{ lines: string[] }} Shot the words below a picture
 */

const HEIGHT = 0.52, LOWEST = 15, HIGHEST = 24; // of a plot's width; in letters

/** @type {(host: HTMLElement, drawing: Drawing, shots: string[]) => void} */
function show(host, drawing, shots) {
  const [title, place, legend] = /** @type {HTMLElement[]} */ ([...host.children]), ink = getComputedStyle(host).color;
  put(title, drawing.title);
  const words = `${drawing.words} ${drawing.title}`.trim();
  if (place.getAttribute("aria-label") !== words) place.setAttribute("aria-label", words);
  const plots = drawing.plots ?? [], em = 0.85 * parseFloat(getComputedStyle(host).fontSize), room = Math.max(place.clientWidth, 240);
  const columns = room < 34 * em ? 1 : Math.min(drawing.columns ?? 1, plots.length || 1), width = room / columns - (columns > 1 ? em : 0);
  place.classList.toggle("pictures", Boolean(drawing.pictures));
  place.setAttribute("role", drawing.pictures ? "group" : "img"); // words below pictures are read one by one
  place.style.gridTemplateColumns = drawing.pictures ? "" : `repeat(${columns}, minmax(0, 1fr))`;
  if (drawing.pictures) sheet(place, drawing.pictures, shots);
  else {
    const rows = Math.ceil(plots.length / columns), share = plots[0]?.regions ? 1 : HEIGHT;
    const height = Math.min(Math.max(share * width, LOWEST * em), HIGHEST * em) * (rows > 1 && share < 1 ? 0.75 : 1);
    if (place.children.length !== plots.length || place.querySelector("figure"))
      place.replaceChildren(...plots.map(() => document.createElementNS("http://www.w3.org/2000/svg", "svg")));
    plots.forEach((plot, k) => chart(place.children[k], plot, { width, height, em }, ink));
  }
  legend.replaceChildren(...(drawing.legend ?? []).map((entry) => make("li", {}, swatch(entry, ink), ` ${entry.name} `, make("b", {}, entry.last ?? ""))));
}

/** Only what changed is written: a picture is decoded once. @type {(place: Element, pictures: Shot[], shots: string[]) => void} */
function sheet(place, pictures, shots) {
  if (place.children.length !== pictures.length || !place.querySelector("figure"))
    place.replaceChildren(...pictures.map(() => make("figure", {}, make("img", { alt: "" }), make("figcaption"))));
  pictures.forEach(({ lines }, k) => {
    const [image, caption] = place.children[k].children, source = `data:image/png;base64,${shots[k]}`;
    if (image.getAttribute("src") !== source) image.setAttribute("src", source);
    put(caption, lines.join("\n"));
  });
}

export default {
  /** @param {{ model: import("./care.js").Model, el: HTMLElement }} host */
  render({ model, el }) {
    const place = make("div", { role: "img", class: "plots" });
    const host = make("div", { class: "gdw-drawing" }, make("p", { class: "finding" }), place, make("ul", { class: "legend" }));
    const old = make("p", { class: "gdw-notice old" });
    el.append(old, host);
    let asked = false;
    /** @type {import("./care.js").Control | undefined} */
    let buttons;
    const draw = () => { // once for each frame of the screen, however many numbers come
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        put(old, model.get("old"));
        const views = model.get("views"), view = views[Math.min(buttons?.get("index") ?? 0, views.length - 1)];
        if (view) show(host, view, model.get("shots"));
      });
    };
    const events = ["change:views", "change:old"];
    for (const event of events) model.on(event, draw);
    model.widget_manager.get_model(model.get("buttons")).then((found) => {
      buttons = found;
      buttons.on("change:index", draw);
      draw();
    }, () => {}); // a panel that is gone
    place.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const point = event.target instanceof Element && event.target.closest("[data-point]");
      if (!point) return;
      model.set("clicked", [[...place.children].findIndex((plot) => plot.contains(point)), Number(point.getAttribute("data-point")), Date.now()]); // the same point may be asked for again
      model.save_changes();
    });
    const sized = new ResizeObserver(draw), themed = new MutationObserver(draw);
    sized.observe(host);
    themed.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-theme"] });
    const leave = lookAfter(el, model);
    draw();
    return () => {
      leave();
      sized.disconnect();
      themed.disconnect();
      for (const event of events) model.off(event, draw);
      buttons?.off("change:index", draw);
    };
  },
};
