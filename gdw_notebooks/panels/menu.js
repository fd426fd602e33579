// @ts-check
// A menu in groups, with words on what is chosen, and a field for what it does not offer.
import { make, put } from "../playground/script/parts.js";

/** @typedef {[string, [string, string, string][]]} Group its title, and of each choice its value, name and words */

const OWN = " own"; // the value of the choice that opens the field; no data set and no method has a blank in front

export default {
  /** @param {{ model: import("./care.js").Model, el: HTMLElement }} host */
  render({ model, el }) {
    const id = `gdw-menu-${Math.random().toString(36).slice(2)}`; // every widget has a copy of this module
    const menu = /** @type {HTMLSelectElement} */ (make("select", { id, "aria-describedby": `${id}-words` }));
    const field = /** @type {HTMLInputElement} */ (make("input", { type: "text", "aria-label": model.get("own") || "another value" }));
    const words = make("div", { id: `${id}-words`, class: "gdw-menu-words" });
    const row = make("div", { class: "widget-inline-hbox widget-dropdown gdw-menu" }, make("label", { for: id, class: "widget-label" }, model.get("description")), menu);
    const second = make("div", { class: "widget-inline-hbox widget-text gdw-menu" }, make("span", { class: "widget-label" }), field);
    el.append(row, second, words);
    menu.title = model.get("tooltip");

    const fill = () => {
      const groups = /** @type {Group[]} */ (model.get("groups")), value = model.get("value"), own = model.get("own");
      const offered = groups.flatMap(([, choices]) => choices);
      const option = (/** @type {[string, string, string]} */ [its, name, about]) => make("option", { value: its, title: about }, name);
      const parts = groups.map(([title, choices]) => title ? [make("optgroup", { label: title }, ...choices.map(option))] : choices.map(option)).flat();
      if (!offered.some(([its]) => its === value)) parts.push(option([value, value, ""]));
      if (own) parts.push(option([OWN, own, ""]));
      menu.replaceChildren(...parts);
      menu.value = value;
      if (second.contains(document.activeElement)) menu.focus();
      second.hidden = true;
      put(words, offered.find(([its]) => its === value)?.[2] ?? "");
      words.hidden = !words.textContent;
    };
    const choose = (/** @type {string} */ value) => {
      model.set("value", value);
      model.save_changes();
    };
    menu.addEventListener("change", () => {
      second.hidden = menu.value !== OWN;
      if (second.hidden) choose(menu.value);
      else field.focus();
    });
    field.addEventListener("change", () => { if (field.value.trim()) choose(field.value.trim()); });
    const events = ["change:value", "change:groups"];
    for (const event of events) model.on(event, fill);
    fill();
    return () => { for (const event of events) model.off(event, fill); };
  },
};
