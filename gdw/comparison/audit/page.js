// @ts-check
// The page: which pictures are shown, in which order, and what a key does. Only the tiles on screen are in the document.
/** The element with this id: any kind of control. @type {(id: string) => any} */
const at = (id) => document.getElementById(id);
/** @type {Table} */
const data = JSON.parse(at("data").textContent);
const decisions = new Decisions(data);
const [grid, single, search, found] = ["grid", "single", "search", "found"].map(at);
const shownRows = data.picture.length; // the other rows are in corrected.csv alone
const words = new Intl.Collator(undefined, { numeric: true });
const EXTRA = 2; // rows of tiles above and below the screen
/** @type {number[]} */
let order = [];
let here = 0, one = false, timer = 0, printing = false;

const KEYS = data.classes.every((name) => [...name].length === 1 && !"-? ".includes(name))
  ? new Map(data.classes.map((name) => [name.toLowerCase(), name]))
  : new Map(data.classes.slice(0, 10).map((name, place) => [String((place + 1) % 10), name]));
const keyOf = new Map([...KEYS].map(([key, name]) => [name, key]));

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 */
const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
/** @type {(row: number) => string} */
const pairOf = (row) => data.observed[row] + (data.proposed[row] && ` → ${data.proposed[row]}`);
/** @type {(row: number) => boolean} */
const isOpen = (row) => decisions.of(data.path[row]) === undefined;

function counted() {
  /** @type {Map<string, number>} */
  const count = new Map();
  for (const { label } of decisions.kept.values()) count.set(label, (count.get(label) ?? 0) + 1);
  return count;
}

/** Choose and sort the rows to show; by rank they come as they are. @param {number} [keep] row that stays chosen */
function arrange(keep) {
  const show = at("show").value, pair = at("pair").value, by = /** @type {"rank" | "path" | "observed" | "proposed"} */ (at("order").value), count = counted();
  const wanted = (/** @type {number} */ row) => (pair === "" || pairOf(row) === pair) && (
    show === "all" || (show === "open" && isOpen(row) && !full(row, count)) ||
    (show === "done" && !isOpen(row)) || (show === "unsure" && decisions.of(data.path[row]) === ""));
  order = [...Array(shownRows).keys()].filter(wanted);
  if (by !== "rank") order.sort((a, b) => words.compare(data[by][a], data[by][b]) || a - b);
  here = Math.max(0, keep === undefined ? 0 : order.indexOf(keep));
  if (keep === undefined) grid.scrollTop = 0;
  draw();
}

function enough() {
  const wanted = data.perClass;
  if (wanted === null) return "";
  const count = counted(), done = data.classes.filter((name) => (count.get(name) ?? 0) >= wanted);
  return `; ${done.length} of ${data.classes.length} classes have ${wanted}`;
}

/** @type {(row: number, count: Map<string, number>) => boolean} */
const full = (row, count) => data.perClass !== null && (count.get(data.observed[row]) ?? 0) >= data.perClass;

// ---- drawing -------------------------------------------------------------------------------------------------------

/** @param {number} row */
function stateOf(row) {
  const label = decisions.of(data.path[row]);
  if (label === undefined) return "";
  return label === "" ? "unsure" : label === data.observed[row] ? `✓ ${label}` : `✎ ${label}`;
}

/** @type {(row: number, tag: "div", attributes: Record<string, any>) => HTMLDivElement} */
function card(row, tag, attributes) {
  const proposed = data.proposed[row] === "" || data.proposed[row] === data.observed[row] ? "" : data.proposed[row];
  return make(tag, attributes,
    make("img", { src: data.picture[row], alt: `${data.path[row]}, labelled ${data.observed[row]}` }),
    make("p", { class: "names" }, make("strong", { class: "observed" }, data.observed[row]),
      ...(proposed ? [make("br", {}), "→ ", make("strong", { class: "proposed" }, proposed)] : [])),
    make("p", { class: "decided" }, stateOf(row)));
}

function sizes() {
  const style = getComputedStyle(grid);
  const width = parseFloat(style.getPropertyValue("--tile")) * parseFloat(getComputedStyle(document.body).fontSize);
  const inner = grid.clientWidth, columns = Math.max(1, Math.floor(inner / width));
  return { columns, height: width * 1.35, width: inner / columns };
}

function drawGrid() {
  const { columns, height, width } = sizes();
  const lines = Math.ceil(order.length / columns);
  const first = printing ? 0 : Math.max(0, Math.floor(grid.scrollTop / height) - EXTRA);
  const last = printing ? lines : Math.min(lines, Math.ceil((grid.scrollTop + grid.clientHeight) / height) + EXTRA);
  const tiles = [make("div", { class: "space", role: "presentation", style: `height:${lines * height}px` })];
  for (let place = first * columns; place < Math.min(last * columns, order.length); place++) {
    tiles.push(card(order[place], "div", {
      class: "tile", role: "option", id: `tile${place}`, "data-place": place, "aria-selected": place === here,
      "aria-posinset": place + 1, "aria-setsize": order.length,
      style: `top:${Math.floor(place / columns) * height}px;left:${(place % columns) * width}px;` +
        `width:${width}px;height:${height}px`,
    }));
  }
  grid.replaceChildren(...tiles);
  if (order.length) grid.setAttribute("aria-activedescendant", `tile${here}`);
  else grid.removeAttribute("aria-activedescendant");
}

function drawSingle() {
  const row = order[here];
  if (row === undefined) return single.replaceChildren(make("p", {}, "Nothing is left here."));
  const shown = card(row, "div", { class: "card" });
  if (data.reason[row]) shown.append(make("p", {}, `${data.reason[row]} (score ${data.score[row].toFixed(3)})`));
  shown.append(make("p", { class: "path" }, data.path[row]));
  single.replaceChildren(shown);
}

function draw() {
  grid.hidden = one;
  single.hidden = !one;
  if (one) drawSingle(); else drawGrid();
  const rows = [...Array(shownRows).keys()], done = rows.filter((row) => !isOpen(row));
  const changed = done.filter((row) => ![data.observed[row], "", undefined].includes(decisions.of(data.path[row])));
  at("bar").max = Math.max(1, shownRows);
  at("bar").value = done.length;
  at("progress").textContent = `${done.length} of ${shownRows} checked, ${changed.length} changed; ` +
    `${order.length ? here + 1 : 0} of ${order.length} shown${enough()}`;
  at("problem").textContent = decisions.problem;
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(".decide [data-act]")))
    button.disabled = order.length === 0 && button.dataset.act !== "undo";
  listClasses();
}

function matches() {
  const typed = search.value.trim().toLowerCase();
  const starts = data.classes.filter((name) => name.toLowerCase().startsWith(typed));
  return [...starts, ...data.classes.filter((name) => !starts.includes(name) && name.toLowerCase().includes(typed))];
}

function listClasses() {
  const shown = matches().slice(0, search.value ? 20 : 40), text = JSON.stringify(shown);
  if (found.dataset.shown === text) return;
  found.dataset.shown = text;
  found.replaceChildren(...shown.map((name) => {
    const button = make("button", { type: "button", "data-class": name }, name);
    const key = keyOf.get(name);
    if (key) button.append(" ", make("kbd", {}, key));
    return make("li", {}, button);
  }));
}

// ---- deciding ------------------------------------------------------------------------------------------------------

/** @param {string} label */
function decide(label) {
  const row = order[here];
  if (row === undefined) return;
  decisions.set(data.path[row], label);
  search.value = "";
  const before = order.length;
  if (at("show").value === "open") {
    const count = counted();
    order = order.filter((other) => other !== row && !full(other, count));
  }
  if (order.length === before) here += 1;
  here = Math.max(0, Math.min(here, order.length - 1));
  draw();
  reveal();
}

function undo() {
  const path = decisions.undo();
  if (path !== undefined) { arrange(data.path.indexOf(path)); reveal(); }
}

function reveal() {
  if (one) return;
  const { columns, height } = sizes(), top = Math.floor(here / columns) * height;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + height > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + height - grid.clientHeight;
}

/** @param {number} step */
function move(step) {
  here = Math.max(0, Math.min(here + step, order.length - 1));
  draw();
  reveal();
}

/** @param {boolean} alone whether one picture is shown alone */
function turn(alone) {
  one = alone;
  at("view").setAttribute("aria-pressed", String(one));
  draw();
  if (!one) { reveal(); grid.focus({ preventScroll: true }); }
}

/** @type {Record<string, () => void>} */
const ACTS = {
  keep: () => decide(data.observed[order[here]]),
  accept: () => decide(data.proposed[order[here]] || data.observed[order[here]]),
  none: () => decide(data.none), unsure: () => decide(""), undo,
};
/** @type {Record<string, () => void>} */
const PRESSES = {
  " ": ACTS.keep, Enter: ACTS.accept, "-": ACTS.none, Delete: ACTS.none, "?": ACTS.unsure, Backspace: undo,
  ArrowRight: () => move(1), ArrowLeft: () => move(-1),
  ArrowDown: () => move(one ? 1 : sizes().columns), ArrowUp: () => move(one ? -1 : -sizes().columns),
  Escape: () => turn(!one),
};

/** @param {KeyboardEvent} event */
function typing(event) {
  if (event.key === "Escape") search.value = "";
  else if (event.key === "Enter") { if (!search.value || !matches().length) return; decide(matches()[0]); }
  else return;
  event.preventDefault();
  grid.focus({ preventScroll: true });
  listClasses();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.key === "Tab" || event.isComposing) return;
  if (event.target === search) return typing(event);
  const target = /** @type {Element} */ (event.target);
  if (target.closest("select, summary") && event.key !== "Escape") return;
  if (target.closest("button") && [" ", "Enter"].includes(event.key)) return;
  const name = KEYS.get(event.key.toLowerCase());
  const act = name !== undefined ? () => decide(name) : PRESSES[event.key];
  if (act) {
    event.preventDefault();
    if (!event.repeat || event.key.startsWith("Arrow")) act(); // a key that is held down decides one picture, not fifty
  } else if ([...event.key].length === 1 && order.length) search.focus({ preventScroll: true }); // it gets this letter
});
document.querySelector(".decide")?.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("button");
  if (!button) return;
  if (button.dataset.act) ACTS[button.dataset.act](); else decide(button.dataset.class ?? "");
  if (!document.activeElement || document.activeElement === document.body) grid.focus({ preventScroll: true });
});
grid.addEventListener("click", (/** @type {any} */ event) => {
  const tile = event.target.closest(".tile");
  if (tile) { here = Number(tile.dataset.place); draw(); }
});
grid.addEventListener("dblclick", () => turn(true));
grid.addEventListener("scroll", () => { cancelAnimationFrame(timer); timer = requestAnimationFrame(drawGrid); });
search.addEventListener("input", listClasses);
at("view").addEventListener("click", () => turn(!one));
for (const name of ["show", "pair", "order"]) at(name).addEventListener("change", () => arrange());
addEventListener("resize", draw);
addEventListener("storage", () => { decisions.read(); arrange(order[here]); });
addEventListener("beforeprint", () => { printing = true; drawGrid(); });
addEventListener("afterprint", () => { printing = false; drawGrid(); });
for (const name of /** @type {const} */ (["confirmed", "corrected"])) at(name).addEventListener("click", () => {
  const link = make("a", { download: `${name}.csv` });
  link.href = URL.createObjectURL(new Blob([decisions[name]()], { type: "text/csv" }));
  link.click();
});

const pairs = new Map();
for (let row = 0; row < shownRows; row++) pairs.set(pairOf(row), (pairs.get(pairOf(row)) ?? 0) + 1);
for (const [pair, count] of [...pairs].sort((a, b) => b[1] - a[1]))
  at("pair").append(make("option", { value: pair }, `${pair} (${count})`));
/** @type {HTMLElement} */ (document.querySelector(".files")).hidden = data.kept !== null; // a program has the file already
arrange();
