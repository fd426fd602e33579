// @ts-check
// The decisions of a person, one for each picture: kept in this browser at once, taken back, written as tables.
"use strict";

/**
 * @typedef {{ key: string, none: string, suspect: string, classes: string[], path: string[], observed: string[], proposed: string[],
 *             score: number[], reason: string[], label: string[], chosen: string[], picture: string[], perClass: number | null,
 *             kept: [string, string][] | null }} Table what page.py writes: a column each; `picture` may be shorter
 */

/** A decision is a class's name, `none` (it belongs to no class) or "" (unsure). */
class Decisions {
  /** @param {Table} data */
  constructor(data) {
    this.data = data;
    /** @type {Map<string, { label: string, at: number, before?: string | null }>} */
    this.kept = new Map(); // path -> {label, at}; `at` counts the decisions, so that the last one can be taken back
    this.at = 0;
    this.problem = "";
    this.prefix = `gdw-review ${data.key} `;
    this.paths = new Set(data.path);
    data.path.forEach((path, row) => { if (data.label[row]) this.kept.set(path, { label: data.label[row], at: 0 }); });
    for (const [path, label] of data.kept ?? []) this.kept.set(path, { label, at: ++this.at });
    this.read();
  }

  /** What this browser has kept; another tab's decisions too. */
  read() {
    if (this.data.kept !== null) return;
    try {
      for (let place = 0; place < localStorage.length; place++) {
        const name = localStorage.key(place) ?? "", path = name.slice(this.prefix.length);
        if (!name.startsWith(this.prefix) || !this.paths.has(path)) continue;
        const found = JSON.parse(localStorage.getItem(name) ?? "");
        this.at = Math.max(this.at, found.at);
        if (found.label === null) this.kept.delete(path); else this.kept.set(path, found);
      }
    } catch { this.problem = "This browser keeps nothing: save confirmed.csv before you close the page."; }
  }

  /** @param {string} path */
  of(path) { return this.kept.get(path)?.label; }

  /** @param {string} path @param {string | null} label null: no decision */
  set(path, label) {
    const before = this.of(path) ?? null;
    this.at += 1;
    if (label === null) this.kept.delete(path); else this.kept.set(path, { label, at: this.at, before });
    if (this.data.kept !== null) {
      parent.postMessage({ gdw: this.data.key, path, label }, "*");
      return;
    }
    try {
      localStorage.setItem(this.prefix + path, JSON.stringify({ label, at: this.at, before }));
    } catch { this.problem = "This browser is full or keeps nothing: save confirmed.csv now."; }
  }

  /** Take the last decision back; the path that it was about, or undefined. */
  undo() {
    /** @type {[string, { label: string, at: number, before?: string | null }] | undefined} */
    let last;
    for (const [path, found] of this.kept)
      if (found.at > (last?.[1].at ?? 0) && this.paths.has(path)) last = [path, found];
    if (!last) return undefined;
    const before = last[1].before ?? null;
    this.set(last[0], before);
    const now = this.kept.get(last[0]);
    if (now) now.at = 0;
    return last[0];
  }

  confirmed() {
    const rows = [["path", "label", "chosen"]];
    this.data.path.forEach((path, row) => {
      const label = this.of(path);
      if (label) rows.push([path, label, this.data.chosen[row] || this.data.suspect]);
    });
    return csv(rows);
  }

  /** Every picture that belongs to a class, with the label that it should have. */
  corrected() {
    const rows = [["path", "label"]];
    this.data.path.forEach((path, row) => {
      const label = this.of(path) || this.data.observed[row];
      if (label !== this.data.none || this.data.classes.includes(label)) rows.push([path, label]);
    });
    return csv(rows);
  }
}

/** @param {string[][]} rows */
function csv(rows) {
  const cell = (/** @type {string} */ text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}
