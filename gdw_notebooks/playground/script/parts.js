// @ts-check
// Small pieces of the page: elements, numbers as people read them, colours.

/**
 * @typedef {{ name: string, color: string }} ClassLook
 * @typedef {{ title: string, color: string, dashes: number[] }} LineLook
 * @typedef {{ learners: Record<string, LineLook>, classes: ClassLook[], groups: { color: string, dashes: number[] }[] }} Looks
 */

export const SHAPES = ["●", "■", "▲"]; // of the classes: colour is never the only difference

/**
 * The element with this id: any kind of control.
 * @param {string} id
 * @returns {any}
 */
export function part(id) { return document.getElementById(id); }

/**
 * An element with attributes and children; `on…` attributes are listeners.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * An element of a drawing.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @type {(value: number, digits?: number) => string} */
export const signed = (value, digits = 2) => {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : (value < 0 ? "−" : "+") + text;
};

/** Change a text, if it is another one: the page is laid out again then. @type {(element: Element, text: string) => void} */
export function put(element, text) { if (element.textContent !== text) element.textContent = text; }

/** @type {(share: number) => string} */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** A line's colour on this page: black is the page's ink, and on a dark page a dark colour is mixed with white. @type {(color: string, ink: string) => string} */
export function seen(color, ink) {
  if (color === "#000000") return ink;
  const bright = (/** @type {string} */ text) => rgb(text)[0] * 0.3 + rgb(text)[1] * 0.6 + rgb(text)[2] * 0.1;
  return bright(ink) > 128 && bright(color) < 100 ? `color-mix(in srgb, ${color} 60%, white)` : color;
}

/** Of "#rrggbb", or of the "rgb(…)" that a browser computes. @type {(color: string) => [number, number, number]} */
export function rgb(color) {
  const [red, green, blue] = (color.match(/[\d.]+/g) ?? []).map(Number);
  if (color.startsWith("rgb")) return [red, green, blue];
  const number = parseInt(color.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @type {Map<string, string>} */
const colors = new Map();

/** When the page has other colours now: the system's, those of the page around, or paper's. @type {(changed: () => void) => void} */
export function onColors(changed) {
  const all = () => {
    colors.clear();
    changed();
  };
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", all);
  new MutationObserver(all).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

/** A colour of the page's style, such as "--ink"; asked for once. @type {(name: string) => string} */
export function styled(name) {
  if (!colors.has(name)) colors.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return colors.get(name) ?? "";
}
