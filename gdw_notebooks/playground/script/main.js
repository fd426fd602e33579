// @ts-check
// The page: controls change the scene, the worker trains, pictures are drawn when they come.
import { understood, written } from "./address.js";
import { drawCurves } from "./curves.js";
import { classWord, drawFlows } from "./flows.js";
import { MISSIONS } from "./missions.js";
import { make, part, percent, put, SHAPES, styled } from "./parts.js";
import { dataOf, drawn, FIRST, labelsOf, MOST, MOST_CLEAN, PRESETS, rounded, TAIL } from "./scene.js";
import { gridPoints, View } from "./view.js";

/**
 * @typedef {import("./worker.js").Picture} Picture
 * @typedef {import("./parts.js").Looks} Looks
 * @typedef {import("./address.js").Address} Address
 */

/** @type {import("./learner.js").Recordings} */
const recordings = JSON.parse(part("recordings").textContent ?? "");
/** @type {Looks} */
const looks = JSON.parse(part("looks").textContent ?? "");
const names = Object.keys(looks.learners), offered = names.filter((name) => name !== "by-hand");
const worker = new Worker(URL.createObjectURL(new Blob([part("worker").textContent ?? ""], { type: "text/javascript" })));
worker.postMessage({ kind: "recordings", recordings, grid: gridPoints() });

const still = matchMedia("(prefers-reduced-motion: reduce)");
const PHONE = matchMedia("(max-width: 640px)"); // as in playground.css;
const NEAR = 0.14; // how far from a point a pointer may be, in the plane
const TEXT_EVERY = 120; // ms between two states of curves and tables while the run goes on
const NUDGE = 0.1; // of the cross by an arrow key
const OTHERWISE = ["cross-entropy", "gdw-tied", "gdw"];
/** @type {Record<string, { title: string, hint: string }>} */
const TOOLS = {
  look: { title: "Look", hint: "Point at a point: its arrows are the pushes of its label. Out: this class up. In: this class down. Pale: before the weight." },
  label: { title: "Wrong label", hint: "Click a point: its label becomes wrong, or right again. Its ring is the true class." },
  clean: { title: "★ Clean set", hint: "Click a point: it joins the clean set, with its true label. Learners do not train on it; it judges." },
  draw0: { title: "Draw", hint: "Click or drag where points should be." },
  draw1: { title: "Draw", hint: "Click or drag where points should be." },
  draw2: { title: "Draw", hint: "Click or drag where points should be." },
  remove: { title: "Remove", hint: "Click or drag over points: they go." },
  weight: { title: "Weight", hint: "Click a point: its weight goes from 1 to ½ to 0. All other weights stay." },
};

/** @type {Address} */
let run = understood(location.hash, { scene: FIRST, learners: OTHERWISE, steps: 0, mission: "", hand: [] }, names, recordings.clouds);
let tool = "label", chosen = -1, active = 2, playing = false, number = 0, asked = false, held = false, moving = false, again = 0, writtenAt = 0;
/** @type {[number, number] | null} */
let cursor = null;
/** @type {Picture | null} */
let picture = null, fresh = null; // the last one, and if it is not drawn yet
/** @type {import("./run.js").Sample[]} */
let samples = [];
let labels = labelsOf(run.scene), data = dataOf(run.scene, run.hand);

const boxes = run.learners.map((name, place) => learnerBox(place));
part("learners").append(...boxes.map((box) => box.element));

/** The part of the page that one learner has. @type {(place: number) => { element: HTMLElement, menu: HTMLSelectElement, score: HTMLElement, view: View, canvas: HTMLCanvasElement }} */
function learnerBox(place) {
  const menu = make("select", { "aria-label": `Learner ${place + 1}`, onchange: () => {
    run.learners[place] = menu.value;
    restart();
  } });
  const canvas = make("canvas", { tabindex: "0", role: "application", onpointerdown: pressed, onpointermove: passed,
    onpointerup: released, onpointercancel: released, onkeydown: keyed, onblur: () => { cursor = null; paint(); } });
  const score = make("span", { class: "score", title: "Accuracy on true labels" });
  const element = make("section", { class: "learner" }, make("div", { class: "top" }, menu, score), canvas);
  const view = new View(canvas);
  return { element, menu, score, view, canvas };

  /** @param {PointerEvent} event */
  function pressed(event) {
    if (PHONE.matches && place !== active) return activate(place); // a small scene becomes the large one
    activate(place);
    held = true;
    cursor = null;
    canvas.setPointerCapture(event.pointerId);
    act(...view.at(event), true);
  }
  /** @param {PointerEvent} event */
  function passed(event) {
    if (held && /^(draw|remove)/.test(tool)) act(...view.at(event), false);
    else if (!held || tool === "look") choose(nearest(...view.at(event)));
  }
  function released() { held = false; }
  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const step = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[event.key];
    if (!step && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    activate(place);
    const [x, y] = cursor ?? (run.scene.points[chosen] ? [run.scene.points[chosen].x, run.scene.points[chosen].y] : [0, 0]);
    cursor = step ? [rounded(x + step[0] * NUDGE), rounded(y + step[1] * NUDGE)] : [x, y];
    if (step) choose(nearest(...cursor));
    else act(...cursor, true);
    paint();
  }
}

/** @type {(x: number, y: number) => number} */
function nearest(x, y) {
  let best = -1, least = NEAR;
  run.scene.points.forEach((point, k) => {
    const far = Math.hypot(point.x - x, point.y - y);
    if (far < least) [best, least] = [k, far];
  });
  return best;
}

/** What the chosen tool does at a place. @type {(x: number, y: number, press: boolean) => void} */
function act(x, y, press) {
  const at = nearest(x, y), { points } = run.scene;
  if (tool.startsWith("draw")) {
    const close = points.some((point) => Math.hypot(point.x - x, point.y - y) < NEAR / 2);
    if (data.labels.length >= MOST) return say(`There is room for ${MOST} points.`);
    if (press ? at >= 0 && close : close) return;
    points.push({ x: rounded(x), y: rounded(y), truth: Number(tool[4]), hand: Number(tool[4]), clean: false });
    chosen = points.length - 1;
    edited();
  } else if (at < 0) return;
  else if (tool === "label") mislabel(at);
  else if (tool === "clean") clean(at);
  else if (tool === "remove") remove(at);
  else if (tool === "weight") weigh(at);
  if (!tool.startsWith("draw") && tool !== "remove") choose(at);
}

/** A wrong label, or the right one again. @type {(at: number) => void} */
function mislabel(at) {
  const point = run.scene.points[at], classes = PRESETS[run.scene.preset].classes;
  if (point.clean) return say("A point of the clean set keeps its true label.");
  point.hand = labels[at] === point.truth ? (point.truth + 1) % classes : point.truth;
  edited();
}

/** @type {(at: number) => void} */
function clean(at) {
  const point = run.scene.points[at];
  const refused = point.clean ? data.cleanLabels.length === 1 && "The clean set needs at least one point."
    : data.cleanLabels.length >= MOST_CLEAN ? `The clean set has room for ${MOST_CLEAN} points.`
      : data.labels.length === 1 && "One point must be left to train on.";
  if (refused) return say(refused);
  point.clean = !point.clean;
  edited();
}

/** @type {(at: number) => void} */
function remove(at) {
  const left = run.scene.points[at].clean ? data.cleanLabels.length : data.labels.length;
  if (left === 1) return say("The last one stays.");
  run.scene.points.forEach((point, k) => { if (point.hand < 0 && !point.clean) point.hand = labels[k]; }); // noise stays where it is
  run.scene.points.splice(at, 1);
  chosen = -1;
  edited();
}

/** @type {(at: number) => void} */
function weigh(at) {
  const place = data.places.indexOf(at);
  if (place < 0) return say("A point of the clean set has no weight: it judges.");
  const now = run.hand[place] ?? 1;
  setHand(place, now > 0.75 ? 0.5 : now > 0.25 ? 0 : 1);
}

/** @type {(place: number, weight: number) => void} */
function setHand(place, weight) {
  run.hand = data.labels.map((_, k) => (k === place ? weight : run.hand[k] ?? 1));
  restart();
}

function edited() {
  run.scene.edited = true;
  restart();
}

/** From step 0, or from the step of an address: a run is what its address says. @type {(steps?: number) => void} */
function restart(steps = 0) {
  labels = labelsOf(run.scene);
  data = dataOf(run.scene, run.hand);
  samples = [];
  fresh = null;
  number++;
  run.steps = steps;
  worker.postMessage({ kind: "task", number, steps, task: { data, seed: run.scene.seed, learners: run.learners } });
  refresh();
  remember();
  ask();
}

/** Another scene; what was set by hand belongs to the one before. @type {(change: Partial<import("./scene.js").Scene>) => void} */
function redraw(change) {
  run.scene = { ...run.scene, ...change, edited: false };
  run.scene.points = drawn(run.scene, recordings.clouds);
  run.hand = [];
  chosen = -1;
  restart();
}

/** @type {(now: boolean) => void} */
function play(now) {
  playing = now;
  part("train").textContent = now ? "Pause" : "Train";
  part("train").setAttribute("aria-pressed", String(now));
  worker.postMessage({ kind: "pace", pace: now ? Number(part("pace").value) : 0 });
  ask();
  if (!now) remember();
}

/** @type {(place: number) => void} */
function activate(place) {
  if (active === place) return;
  active = place;
  refresh();
  curves();
  requestAnimationFrame(paint);
}

/** @type {(at: number) => void} */
function choose(at) {
  if (at < 0 || at === chosen) return;
  chosen = at;
  words();
  ask();
}

/** Ask the worker for a picture, once for each frame of the screen. */
function ask() {
  if (asked) {
    again = 1;
    return;
  }
  asked = true;
  requestAnimationFrame(() => { // the worker computes the next picture while this one is drawn
    worker.postMessage({ kind: "picture", point: data.places.indexOf(chosen), samples: samples.length });
    if (fresh) show(fresh);
    fresh = null;
  });
}

worker.onmessage = (/** @type {MessageEvent<Picture>} */ { data: answer }) => {
  asked = false;
  if (answer.task === number) {
    picture = answer;
    samples.push(...answer.samples);
    run.steps = answer.steps;
    fresh = answer;
  }
  if (playing || again || answer.task !== number) {
    again = 0;
    ask();
  } else if (fresh) {
    show(fresh);
    fresh = null;
  }
};

/** @type {(answer: Picture) => void} */
function show(answer) {
  const paper = styled("--paper"), colors = looks.classes.map((look) => look.color);
  boxes.forEach(({ view }, k) => view.regions(answer.logits[k], colors, paper));
  const last = samples[samples.length - 1];
  boxes.forEach(({ score }, k) => put(score, percent(last.accuracy[k])));
  put(part("steps"), String(answer.steps));
  put(part("rate"), playing && answer.rate ? `· ${Math.round(answer.rate)} a second` : "");
  const now = performance.now();
  if (!playing || now - writtenAt > TEXT_EVERY) { // numbers that change faster cannot be read
    writtenAt = now;
    if (answer.readings.length) drawFlows(part("flows"), looks, run.learners, answer.readings);
    curves();
    mission();
  }
  paint();
}

function curves() {
  if (!samples.length) return;
  const svg = (/** @type {string} */ id) => /** @type {SVGElement} */ (/** @type {unknown} */ (part(id)));
  drawCurves({ accuracy: svg("accuracy"), weights: svg("weights"), accuracyList: part("accuracy-list"), weightsList: part("weights-list") },
    samples, run.learners.map((name) => looks.learners[name]), active, looks.groups, styled("--ink"));
}

/** Draw the points; again while they still grow or shrink. */
function paint() {
  const current = picture;
  if (!current || current.task !== number) return;
  const shown = {
    points: run.scene.points, labels, chosen, cursor, hidden: Boolean(MISSIONS[run.mission]?.hidden),
    numbers: MISSIONS[run.mission]?.hidden ? data.places : [], colors: looks.classes.map((look) => look.color),
    ink: styled("--ink"), paper: styled("--paper"),
  };
  let unfinished = false;
  boxes.forEach(({ view }, k) => {
    const weights = new Float32Array(run.scene.points.length).fill(1);
    data.places.forEach((at, place) => { weights[at] = current.weights[k][place] ?? 1; });
    unfinished = view.paint(shown, weights, current.readings[k], still.matches) || unfinished;
  });
  if (unfinished && !moving && !playing) {
    moving = true;
    requestAnimationFrame(() => {
      moving = false;
      paint();
    });
  }
}

/** The chosen point in words. */
function words() {
  const point = run.scene.points[chosen], at = part("point-words");
  const slider = part("point");
  slider.max = String(run.scene.points.length);
  for (const id of ["do-label", "do-clean", "do-remove"]) part(id).disabled = !point;
  if (!point) {
    at.replaceChildren("Point at one, or move this slider");
    part("flows").replaceChildren();
    return;
  }
  slider.value = String(chosen + 1);
  const wrong = labels[chosen] !== point.truth && !MISSIONS[run.mission]?.hidden;
  const label = make("span", {}, `Point ${chosen + 1}: `, ...(point.clean ? ["★ clean, "] : ["labelled "]), classWord(looks, labels[chosen]),
    ...(wrong ? [", really ", classWord(looks, point.truth)] : []));
  at.replaceChildren(label);
  slider.setAttribute("aria-valuetext", label.textContent);
  part("do-clean").textContent = point.clean ? "Out of the clean set" : "Into the clean set";
  if (point.clean) part("flows").replaceChildren(make("caption", {}, "This point is in the clean set: nobody trains on it. It judges the weights of the others."));
}

/** All controls as the run has them. */
function refresh() {
  const { scene } = run, wrong = data.labels.filter((label, k) => label !== data.truth[k]).length, hidden = MISSIONS[run.mission]?.hidden;
  boxes.forEach(({ element, menu, canvas }, k) => {
    const list = run.learners[k] === "by-hand" ? names : offered;
    menu.replaceChildren(...list.map((name) => make("option", { value: name, selected: name === run.learners[k] }, looks.learners[name].title)));
    menu.value = run.learners[k];
    const { color, title } = looks.learners[run.learners[k]];
    element.style.setProperty("--own", color === "#000000" ? "var(--ink)" : color);
    element.classList.toggle("active", active === k);
    canvas.setAttribute("aria-label", `Scene of ${title}. Arrow keys move a cross, Enter uses the tool.`);
  });
  part("active").replaceChildren(...run.learners.map((name, k) => make("option", { value: k }, looks.learners[name].title)));
  part("active").value = String(active);
  for (const [id, value] of [["count", scene.count], ["noise-rate", scene.rate], ["imbalance", scene.imbalance]])
    part(String(id)).value = String(value);
  part("count-out").textContent = String(data.labels.length);
  part("rate-out").textContent = scene.noise === "none" ? "–" : percent(scene.rate);
  part("imbalance-out").textContent = scene.imbalance.toFixed(2);
  for (const [name, value] of [["preset", scene.preset], ["noise", scene.noise], ["tool", tool]])
    for (const radio of document.querySelectorAll(`input[name="${name}"]`))
      /** @type {HTMLInputElement} */ (radio).checked = /** @type {HTMLInputElement} */ (radio).value === value;
  const hand = /** @type {HTMLElement} */ (document.querySelector('#tools label[data-tool="weight"]'));
  hand.hidden = !run.learners.includes("by-hand");
  part("hint").textContent = TOOLS[tool].hint;
  part("counts").textContent = `${data.labels.length} points to train on${hidden ? "" : `, ${wrong} of them with a wrong label`}; ${data.cleanLabels.length} in the clean set.`;
  part("story").textContent = hidden ? "Some labels are wrong. Three learners, the same batches; one of them is you."
    : `${wrong} of ${data.labels.length} labels are wrong. Three networks learn from them, on the same batches.`;
  words();
}

function mission() {
  const now = MISSIONS[run.mission];
  part("mission").hidden = !now;
  for (const button of part("mission-list").children) button.setAttribute("aria-pressed", String(button.getAttribute("data-mission") === run.mission));
  if (!now || !picture) return;
  const last = samples[samples.length - 1];
  const checks = now.checks({ scene: run.scene, learners: run.learners, steps: picture.steps, accuracy: last.accuracy, cleanLosses: picture.cleanLosses });
  part("mission-title").textContent = now.title;
  part("mission-goal").textContent = now.goal;
  part("checks").replaceChildren(...checks.map(({ text, done }) => make("li", { class: done ? "done" : undefined }, text, make("span", { class: "unseen" }, done ? " (done)" : " (open)"))));
  const won = checks.every((check) => check.done) ? `Done! ${now.won}` : "";
  if (part("won").textContent !== won) part("won").textContent = won;
  sliders(Boolean(now.hidden));
}

/** The twelve weights, each with its point's label. @type {(wanted: boolean) => void} */
function sliders(wanted) {
  const place = part("hand");
  if (!wanted) return place.replaceChildren();
  if (place.children.length !== data.labels.length)
    place.replaceChildren(...data.labels.map((label, k) => make("label", { class: "slide" }, make("span", {},
      make("span", {}, `${k + 1} `, classWord(looks, label)), make("output", {})),
      make("input", { type: "range", min: 0, max: 1, step: 0.05, onchange: (/** @type {any} */ event) => setHand(k, Number(event.target.value)) }))));
  [...place.children].forEach((label, k) => {
    const input = /** @type {HTMLInputElement} */ (label.querySelector("input")), weight = run.hand[k] ?? 1;
    if (document.activeElement !== input) input.value = String(weight);
    /** @type {HTMLElement} */ (label.querySelector("output")).textContent = weight.toFixed(2);
  });
}

/** @type {(name: string) => void} */
function begin(name) {
  const next = MISSIONS[name];
  run.mission = name;
  part("hand").replaceChildren();
  chosen = -1;
  if (next) {
    [run.scene, run.learners, tool] = [next.scene(recordings.clouds), [...next.learners], next.tool];
    run.hand = next.hidden ? dataOf(run.scene).labels.map(() => 1) : [];
  } else {
    run.hand = [];
    run.learners = [...OTHERWISE];
    tool = "label";
  }
  play(false);
  active = run.learners.indexOf("gdw");
  restart();
  part(name ? "mission" : "mission-list").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
}

/** The address says what is seen; where a page has no address of its own, nothing is kept. */
function remember() {
  if (location.protocol !== "about:") history.replaceState(null, "", `#${written(run)}`);
}

/** @type {(text: string) => void} */
function say(text) {
  part("hint").textContent = text;
  part("status").textContent = text;
}

/** A group of radio buttons. @type {(id: string, name: string, options: [string, (Node | string)[]][], chose: (value: string) => void) => void} */
function radios(id, name, options, chose) {
  part(id).append(...options.map(([value, content]) => make("label", { "data-tool": value },
    make("input", { type: "radio", name, value, onchange: () => chose(value) }), ...content)));
}

radios("presets", "preset", Object.entries(PRESETS).map(([name, { title }]) => [name, [title]]), (name) => {
  if (name === "empty") tool = "draw0";
  redraw({ preset: name, imbalance: name === "tail" ? TAIL : 1, ...(name === "empty" ? { noise: "none" } : {}) });
});
radios("noises", "noise", [["none", ["none"]], ["uniform", ["uniform"]], ["flip", ["flip"]]], (name) => {
  run.scene.noise = name;
  restart();
});
radios("tools", "tool", Object.entries(TOOLS).map(([name, { title }]) => {
  const label = Number(name[4]);
  return [name, name.startsWith("draw") ? [make("span", { class: "shape", style: `color:${looks.classes[label].color}`, "aria-hidden": "true" }, SHAPES[label]), `${title} ${looks.classes[label].name}`] : [title]];
}), (name) => {
  tool = name;
  refresh();
});
part("mission-list").append(...Object.entries(MISSIONS).map(([name, { title }]) =>
  make("button", { type: "button", "data-mission": name, onclick: () => begin(run.mission === name ? "" : name) }, title)));

part("train").onclick = () => play(!playing);
part("step").onclick = () => {
  play(false);
  worker.postMessage({ kind: "step" });
  ask();
};
part("reset").onclick = () => {
  play(false);
  restart();
};
part("pace").onchange = () => play(playing);
part("active").onchange = (/** @type {any} */ event) => activate(Number(event.target.value));
part("again").onclick = () => redraw({ seed: run.scene.seed + 1 });
part("leave").onclick = () => begin("");
part("count").oninput = (/** @type {any} */ event) => redraw({ count: Number(event.target.value) });
part("imbalance").oninput = (/** @type {any} */ event) => redraw({ imbalance: Number(event.target.value) });
part("noise-rate").oninput = (/** @type {any} */ event) => {
  run.scene.rate = Number(event.target.value);
  if (run.scene.noise === "none" && run.scene.rate) run.scene.noise = "uniform";
  restart();
};
part("point").oninput = (/** @type {any} */ event) => choose(Number(event.target.value) - 1);
part("do-label").onclick = () => mislabel(chosen);
part("do-clean").onclick = () => clean(chosen);
part("do-remove").onclick = () => remove(chosen);
part("share").hidden = location.protocol === "about:";
part("share").onclick = async () => {
  remember();
  await navigator.clipboard?.writeText(location.href).catch(() => undefined);
  say("The link is in the address bar, and copied where the browser allows it: it gives the same pictures.");
};
addEventListener("hashchange", () => {
  run = understood(location.hash, run, names, recordings.clouds);
  chosen = -1;
  play(false);
  restart(run.steps);
});
addEventListener("resize", paint);
PHONE.addEventListener("change", paint);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => picture && show(picture));
if (run.mission && MISSIONS[run.mission]) tool = MISSIONS[run.mission].tool;
active = Math.max(0, run.learners.indexOf("gdw"));
chosen = data.places.find((at, place) => labels[at] !== data.truth[place]) ?? 0;
restart(run.steps);
