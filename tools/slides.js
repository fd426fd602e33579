// @ts-check
// The lecturer's keys. N: the notes below each slide. P: a window for the lecturer, in step with this one, which shows
// one slide for the projector. Files may not share a channel in every browser, so the two windows send each other messages.

/** @typedef {{ get(name: string): any, set(name: string, value: any): void, on(event: string, listener: () => void): void }} Model */

const slides = [...document.querySelectorAll("section")];
const moving = [.../** @type {NodeListOf<HTMLElement & { model: Model }>} */ (document.querySelectorAll("[data-live]"))];
const presents = location.hash === "#presenter", opened = Date.now(), aside = /** @type {HTMLElement} */ (document.querySelector("aside"));
/** @type {Window | null} */
let other = presents ? opener : null;
let at = 0, shows = presents, listens = false;

const tell = () => listens || other?.postMessage({ at, steps: moving.map((each) => each.model.get("step")) }, "*");

function draw() {
  document.body.classList.toggle("show", shows);
  document.body.classList.toggle("presents", presents);
  slides.forEach((slide, k) => {
    slide.classList.toggle("now", k === at);
    slide.classList.toggle("next", k === at + 1);
    slide.inert = shows && k !== at;
  });
  const part = presents ? 0.64 : 1;
  document.body.style.setProperty("--fit", String(part * Math.min(innerWidth / 1280, innerHeight / 720)));
  /** @type {HTMLElement} */ (aside.querySelector("div")).innerHTML = slides[at].querySelector("blockquote")?.innerHTML ?? "";
}

/** @param {number} to */
function go(to) {
  at = Math.min(Math.max(to, 0), slides.length - 1);
  draw();
  tell();
}

function present() {
  if (presents) return;
  other = open(`${location.href.split("#")[0]}#presenter`, "presenter", "width=1280,height=800");
  if (!shows) at = Math.max(0, slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2));
  shows = true;
  draw();
  tell();
}

/** @type {Record<string, () => void>} */
const KEYS = {
  n: () => document.body.classList.toggle("notes"), p: present, Escape: () => { shows = presents; draw(); },
  PageDown: () => go(at + 1), PageUp: () => go(at - 1), ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1),
};
addEventListener("keydown", (event) => {
  const key = event.key.length > 1 ? event.key : event.key.toLowerCase(), turns = /^(Page|Arrow)/.test(key);
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[key] || (turns && !shows)) return;  // the whole file is scrolled
  if (key.startsWith("Arrow") && event.target instanceof Element && event.target.closest(".gdw-steps")) return;  // a page that moves has its own
  event.preventDefault();
  KEYS[key]();
}, true);  // before a page that moves keeps its keys
addEventListener("message", ({ source, data }) => {
  if (source !== other || !data) return;
  if (data === "here") return tell();
  listens = true;
  at = data.at;
  moving.forEach((each, k) => each.model.set("step", data.steps[k]));
  listens = false;
  draw();
});
addEventListener("resize", draw);
for (const each of moving) each.model.on("change:step", tell);
if (presents) {
  const minutes = () => Math.floor((Date.now() - opened) / 60_000), clock = /** @type {Element} */ (aside.querySelector(".clock"));
  const tick = () => { clock.textContent = `${new Date().toTimeString().slice(0, 5)}, after ${minutes()} min`; };
  setInterval(tick, 1000);
  tick();
  other?.postMessage("here", "*");
}
draw();
