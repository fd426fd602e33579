// Pictures made beforehand, one for each step, with a slider, buttons, keys and words.

(() => {
  const place = document.querySelector("[data-live=stepper], [data-live=ledger]");
  const { step, menu, variants } = window.gdwData, names = Object.keys(variants);
  const folder = new URL(document.currentScript.src).href.replace(/[^/]*$/, "");
  const PLAY_MS = 900;
  let frames = variants[names[0]], at = 0, timer;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  const show = (next) => {
    at = Math.min(Math.max(next, 0), frames.length - 1);
    const frame = frames[at];
    slider.max = frames.length - 1;
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${step} ${frame.value}`);
    where.textContent = `${step} ${frame.value} of ${frames.at(-1).value}`;
    picture.src = folder + frame.file;
    picture.alt = frame.alt;
    words.textContent = frame.alt;
    back.disabled = at === 0;
    forward.disabled = at === frames.length - 1;
    if (at + 1 < frames.length) new Image().src = folder + frames[at + 1].file;  // so that the next one is there
  };
  const stop = () => { clearInterval(timer); timer = undefined; play.textContent = "Play"; };
  const toggle = () => {
    if (timer) return stop();
    if (at === frames.length - 1) show(0);
    play.textContent = "Pause";
    timer = setInterval(() => { show(at + 1); if (at === frames.length - 1) stop(); }, PLAY_MS);
  };

  const back = make("button", { type: "button", onclick: () => { stop(); show(at - 1); } }, "Back");
  const forward = make("button", { type: "button", onclick: () => { stop(); show(at + 1); } }, "Forward");
  const play = make("button", { type: "button", onclick: toggle }, "Play");
  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": step,
    oninput: () => { stop(); show(Number(slider.value)); } });
  const where = make("output", { class: "where" });
  const picture = make("img", { class: "frame" });
  const words = make("p", {});
  const controls = make("div", { class: "controls" }, back, forward, play, slider, where);
  if (names.length > 1) {
    const select = make("select", { onchange: () => { stop(); frames = variants[select.value]; show(at); } },
      ...names.map((name) => make("option", { value: name }, name)));
    controls.prepend(make("label", {}, `${menu} `, select));
  }
  place.classList.add("gdw-frames");
  place.replaceChildren(controls,
    make("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": "Picture" }, picture),
    make("details", {}, make("summary", {}, "The picture in words"), words));
  show(0);
})();
