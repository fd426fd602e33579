// Sorts and filters the rows that are in the page; everything works by keyboard. Nothing is loaded from elsewhere.
"use strict";
const body = document.querySelector("#suspects tbody");
const rows = [...body.rows];
const filter = document.getElementById("pair");
const shown = document.getElementById("shown");
const heads = [...document.querySelectorAll("#suspects th[data-key]")];

const visible = () => [...body.rows].filter((row) => !row.hidden);

function show() {
  for (const row of rows) row.hidden = filter.value !== "" && row.dataset.pair !== filter.value;
  shown.textContent = `${visible().length} of ${rows.length} pictures shown`;
}

function sort(head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of heads) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = head.dataset.key, number = head.dataset.kind === "number";
  const compare = (a, b) => number
    ? Number(a.dataset[key]) - Number(b.dataset[key])
    : a.dataset[key].localeCompare(b.dataset[key], undefined, { numeric: true });
  const byRank = (a, b) => Number(a.dataset.rank) - Number(b.dataset.rank);
  body.append(...rows.sort((a, b) => (down ? -compare(a, b) : compare(a, b)) || byRank(a, b)));
}

function move(step) {
  const here = visible();
  if (!here.length) return;
  const place = here.indexOf(document.activeElement);
  const next = place < 0 ? (step > 0 ? 0 : here.length - 1) : Math.min(Math.max(place + step, 0), here.length - 1);
  here[next].focus();
}

const KEYS = {
  ArrowDown: () => move(1), j: () => move(1), ArrowUp: () => move(-1), k: () => move(-1),
  f: () => filter.focus(), Escape: () => { filter.value = ""; show(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (document.activeElement === filter && event.key !== "Escape") return;  // the list has keys of its own
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});
filter.addEventListener("change", show);
for (const head of heads) head.querySelector("button").addEventListener("click", () => sort(head));
show();
