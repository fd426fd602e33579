// @ts-check
// The playground within a notebook.
import { embed } from "./frame.js";

export default {
  /** @param {{ model: { get(name: "page"): string }, el: HTMLElement }} host */
  render({ model, el }) {
    const frame = document.createElement("iframe"), leave = embed(frame);
    frame.title = "The playground";
    frame.style.cssText = "width: 100%; height: 900px; border: 0;";
    frame.srcdoc = model.get("page");
    el.append(frame);
    return leave;
  },
};
