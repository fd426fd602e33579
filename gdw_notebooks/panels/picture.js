// A PNG with its alternative text; says where it was clicked, as shares of its width and height.

// Screen readers find no name on ipywidgets' slider handles and play buttons: give them the ones that are seen.
const PLAY = { "fa-play": "Play", "fa-pause": "Pause", "fa-stop": "Back to the start", "fa-retweet": "Repeat" };
const nameControls = (panel) => {
  for (const handle of panel.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label");
    if (label?.textContent) handle.setAttribute("aria-label", label.textContent);
  }
  for (const icon of panel.querySelectorAll(".widget-play i.fa")) {
    const kind = Object.keys(PLAY).find((name) => icon.classList.contains(name));
    const button = icon.closest("button");
    if (kind && button.getAttribute("aria-label") !== PLAY[kind]) button.setAttribute("aria-label", PLAY[kind]);
  }
};

// In JupyterLab a key belongs to the notebook, where an arrow leaves the cell and "x" cuts it: in here it is ours.
const keepKey = (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); };

// The panel is built around the picture after it: wait for it, then for whatever it shows later.
const nameWhatAppears = (element) => {
  const observer = new MutationObserver(() => {
    const panel = element.closest(".gdw-panel");
    if (panel) nameControls(panel);
  });
  requestAnimationFrame(() => {
    const panel = element.closest(".gdw-panel");
    if (!panel) return;
    panel.addEventListener("keydown", keepKey);
    nameControls(panel);
    observer.observe(panel, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
  });
  return () => observer.disconnect();
};

export default {
  render({ model, el }) {
    const image = document.createElement("img");
    let address = "";
    const show = () => {
      const old = address;
      address = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
      image.onload = () => URL.revokeObjectURL(old);
      image.src = address;
    };
    const describe = () => { image.alt = model.get("alt"); };
    const size = () => { image.style.width = model.get("width") ? `${model.get("width")}px` : "auto"; };
    image.style.maxWidth = "100%";
    image.addEventListener("click", (event) => {
      const box = image.getBoundingClientRect();
      const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      model.set("clicked", place);
      model.save_changes();
    });
    model.on("change:value", show);
    model.on("change:alt", describe);
    model.on("change:width", size);
    describe();
    size();
    show();
    el.appendChild(image);
    const stopNaming = nameWhatAppears(el);
    return () => {
      stopNaming();
      model.off("change:value", show);
      model.off("change:alt", describe);
      model.off("change:width", size);
      URL.revokeObjectURL(address);
    };
  },
};
