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
    let asked = false;
    /** @type {import("./care.js").Control | undefined} */
    let buttons;
    const draw = () => { // once for each frame of the screen, however many numbers come
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        put(old, model.get("old"));
        const views = model.get("views"), view = views[Math.min(buttons?.get("index") ?? 0, views.length - 1)];
        if (view) show(host, view, model.get("shots"));
      });
    };
    const events = ["change:views", "change:old"];
    for (const event of events) model.on(event, draw);
    model.widget_manager.get_model(model.get("buttons")).then((found) => {
      buttons = found;
      buttons.on("change:index", draw);
      draw();
    }, () => {}); // a panel that is gone
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
    draw();
    return () => {
      leave();
      sized.disconnect();
      themed.disconnect();
      for (const event of events) model.off(event, draw);
      buttons?.off("change:index", draw);
    };
  },
};
