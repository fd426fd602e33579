// @ts-check
// A view that is drawn here from numbers: its finding, its plots or pictures, its legend. The lab and the site's records use it.
import { make, put } from "../playground/script/parts.js";
import { chart, swatch } from "../playground/script/chart.js";

/**
 * @typedef {import("../playground/script/chart.js").Plot} Plot
 * @typedef {{ name: string, color: string, dashes?: number[], hollow?: boolean, pale?: boolean, last?: string }} Entry
 * @typedef {{ words: string, title: string, columns?: number, plots?: Plot[], legend?: Entry[], pictures?: Shot[] }} Drawing
 * @typedef {{ lines: string[] }} Shot the words below a picture
 */

const HEIGHT = 0.52, LOWEST = 15, HIGHEST = 24; // of a plot's width; in letters

/** Where a view is shown. */
export function viewHost() {
  return make("div", { class: "gdw-drawing" }, make("p", { class: "finding" }), make("div", { role: "img", class: "plots" }), make("ul", { class: "legend" }));
}

/** @type {(host: HTMLElement, drawing: Drawing, shots: string[]) => void} */
export function show(host, drawing, shots) {
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
