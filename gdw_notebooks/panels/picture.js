// One <img> whose source is swapped only once the next picture is decoded.
function render({ model, el }) {
  const image = document.createElement("img");
  image.style.maxWidth = "100%";
  el.append(image);
  let shown = null, latest = 0;

  async function show() {
    const turn = ++latest;
    const value = model.get("value");
    if (!value || value.byteLength === 0) return;
    const url = URL.createObjectURL(new Blob([value], { type: "image/png" }));
    const next = new Image();
    next.src = url;
    try { await next.decode(); } catch { URL.revokeObjectURL(url); return; }
    if (turn !== latest) { URL.revokeObjectURL(url); return; }
    image.src = url;
    if (shown) URL.revokeObjectURL(shown);
    shown = url;
  }
  const describe = () => { image.alt = model.get("alt"); };
  const size = () => { image.style.width = `${model.get("width")}px`; };

  model.on("change:value", show);
  model.on("change:alt", describe);
  model.on("change:width", size);
  describe();
  size();
  show();
  return () => {
    latest += 1;
    if (shown) URL.revokeObjectURL(shown);
    model.off("change:value", show);
    model.off("change:alt", describe);
    model.off("change:width", size);
  };
}

export default { render };
