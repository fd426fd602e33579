// @ts-check
// A PNG with its alternative text.
import { lookAfter } from "./care.js";

export default {
  /** @param {{ model: import("./care.js").Model, el: HTMLElement }} host */
  render({ model, el }) {
    const image = document.createElement("img");
    let address = "";
    const show = () => {
      const old = address;
      address = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
      image.onload = () => { URL.revokeObjectURL(old); size(); };
      image.src = address;
    };
    const describe = () => { image.alt = model.get("alt"); };
    // As wide as it is drawn, unless it would then be higher than the style sheet allows (panel.css).
    const size = () => {
      const width = model.get("width"), ratio = image.naturalHeight ? image.naturalWidth / image.naturalHeight : 1;
      image.style.width = width ? `min(${width}px, ${ratio.toFixed(4)} * var(--gdw-highest, 100000px))` : "auto";
    };
    image.style.maxWidth = "100%";
    model.on("change:value", show);
    model.on("change:alt", describe);
    model.on("change:width", size);
    describe();
    size();
    show();
    el.appendChild(image);
    const leave = lookAfter(el, model);
    return () => {
      leave();
      model.off("change:value", show);
      model.off("change:alt", describe);
      model.off("change:width", size);
      URL.revokeObjectURL(address);
    };
  },
};
