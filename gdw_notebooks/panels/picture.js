// A PNG with its alternative text; says where it was clicked, as shares of its width and height.
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
    return () => {
      model.off("change:value", show);
      model.off("change:alt", describe);
      model.off("change:width", size);
      URL.revokeObjectURL(address);
    };
  },
};
