// @ts-check
// A picture drawn here, from numbers: one of several views, chosen without a word from the kernel.
import { make, put } from "../playground/script/parts.js";
import { lookAfter } from "./care.js";
import { show, viewHost } from "./plots.js";

export default {
  /** @param {{ model: import("./care.js").Model, el: HTMLElement }} host */
  render({ model, el }) {
    const host = viewHost(), place = /** @type {HTMLElement} */ (host.children[1]);
    const old = make("p", { class: "gdw-notice old" });
    el.append(old, host);
    let frame = 0, known = false, gone = false;
    /** @type {import("./care.js").Control | undefined} */
    let buttons;
    const draw = () => { // once for each frame of the screen, however many numbers come
      if (frame || !known || gone) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        put(old, model.get("old"));
        const views = model.get("views"), view = views[Math.min(buttons?.get("index") ?? 0, views.length - 1)];
        if (view) show(host, view, model.get("shots"));
      });
    };
    const events = ["change:views", "change:old"];
    for (const event of events) model.on(event, draw);
    const find = async () => {
      /** @type {import("./care.js").Control | undefined} */
      let found;
      try { found = await model.widget_manager.get_model(model.get("buttons")); } catch { /* buttons that are gone: the first view */ }
      if (gone) return;
      known = true; // which view is pressed: nothing is drawn before
      buttons = found;
      buttons?.on("change:index", draw);
      draw();
    };
    find();
    place.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const point = event.target instanceof Element && event.target.closest("[data-point]");
      if (!point) return;
      model.set("clicked", [[...place.children].findIndex((plot) => plot.contains(point)), Number(point.getAttribute("data-point")), Date.now()]); // the same point may be asked for again
      model.save_changes();
    });
    const sized = new ResizeObserver(draw), themed = new MutationObserver(draw);
    sized.observe(host);
    themed.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-theme"] });
    const leave = lookAfter(el, model);
    return () => {
      gone = true;
      cancelAnimationFrame(frame);
      leave();
      sized.disconnect();
      themed.disconnect();
      for (const event of events) model.off(event, draw);
      buttons?.off("change:index", draw);
    };
  },
};
