// @ts-check
// What every page has: large type, the widgets' dark colours, boxes that scroll within reach of the keyboard, folds that are open on paper.
import { embed } from "../../../gdw_notebooks/playground/frame.js";

const root = document.documentElement, darkSystem = matchMedia("(prefers-color-scheme: dark)"), paper = matchMedia("print");

/** @type {(on: boolean) => void} */
const large = (on) => {
  root.classList.toggle("large-type", on);
  document.querySelectorAll("[data-large-type]").forEach((button) => button.setAttribute("aria-pressed", String(on)));
};
const remembered = () => { try { return localStorage.getItem("gdw-large-type") === "yes"; } catch { return false; } };
/** @type {(on: boolean) => void} */
const remember = (on) => { try { localStorage.setItem("gdw-large-type", on ? "yes" : "no"); } catch { /* not allowed */ } };
if (remembered()) root.classList.add("large-type");

const colours = () => { // panels' styles ask for the attribute that JupyterLab sets
  const { theme } = document.body.dataset, dark = theme === "dark" || (theme !== "light" && darkSystem.matches);
  document.body.dataset.jpThemeLight = String(paper.matches || !dark);
};

const reach = () => document.querySelectorAll("pre, .output, .table-wrapper, .formula").forEach((box) => {
  if (box instanceof HTMLElement && box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
});

/** @type {Element[]} */
let opened = []; // by printing
const print = () => {
  colours();
  if (paper.matches) opened = [...document.querySelectorAll("article details:not([open])")];
  for (const fold of opened) fold.toggleAttribute("open", paper.matches);
};

document.addEventListener("DOMContentLoaded", () => {
  large(remembered());
  document.querySelectorAll("[data-large-type]").forEach((button) => button.addEventListener("click", () => {
    const on = !root.classList.contains("large-type");
    remember(on);
    large(on);
    reach();
  }));
  colours();
  new MutationObserver(colours).observe(document.body, { attributeFilter: ["data-theme"] });
  darkSystem.addEventListener("change", colours);
  paper.addEventListener("change", print);
  reach();
  document.querySelectorAll("details").forEach((box) => box.addEventListener("toggle", reach));
  addEventListener("resize", reach);
  document.querySelectorAll("iframe").forEach(embed);
});
