// The lab on records: two methods on one scenario, drawn from recorded runs. All numbers come from the records.

(() => {
  const place = document.querySelector("[data-live=lab]"), data = window.gdwData;
  const SVG = "http://www.w3.org/2000/svg", PLAY_MS = 120, DASHES = ["", "7 4"], FLOW_DASHES = ["", "8 4", "2 3"];
  const VIEWS = { curves: "test accuracy", classes: "accuracy of each class", weights: "weights of mislabelled pictures" };
  let epoch, timer;

  const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  const mean = (values) => {
    const known = values.filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(1);
  const ink = (color) => (color === "#000000" ? "currentColor" : color);
  const title = (method) => data.methods[method].title;

  // ---- what is chosen -----------------------------------------------------------------------------------------

  const menu = (label, entries, changed) => {
    const select = make("select", { "aria-label": label, onchange: changed }, ...entries.map(([value, text]) => make("option", { value }, text)));
    return [select, make("label", {}, `${label} `, select)];
  };
  const [scenarios, scenarioLabel] = menu("Scenario", Object.entries(data.scenarios).map(([k, s]) => [k, s.title]), enter);
  const [first, firstLabel] = menu("Method", [], update);
  const [second, secondLabel] = menu("beside", [], update);
  const [seeds, seedsLabel] = menu("Seeds", [], update);
  const [view, viewLabel] = menu("View", Object.entries(VIEWS), update);
  const slider = make("input", { type: "range", min: 1, step: 1, "aria-label": "Epoch",
    oninput: () => { stop(); epoch = Number(slider.value); update(); } });
  const where = make("output", { class: "where" });
  const play = make("button", { type: "button", onclick: toggle }, "Play");
  const finding = make("p", { class: "finding", role: "status" });
  const picture = make("div", { class: "drawing" });
  const table = make("details", { ontoggle: update }, make("summary", {}, "Data as a table"),
    make("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": "Data as a table" }));

  const scenario = () => data.scenarios[scenarios.value];
  const chosen = () => [first.value, second.value];
  const count = () => Number(seeds.value);
  const runs = (method, name) => scenario().methods[method][name].slice(0, count());
  const epochs = () => Object.values(scenario().methods)[0].accuracy[0].length;

  function enter() {
    const kept = [first.value || "gdw", second.value || "cross-entropy"], methods = Object.keys(scenario().methods);
    [first, second].forEach((select, k) => {
      select.replaceChildren(...methods.map((method) => make("option", { value: method }, title(method))));
      select.value = methods.includes(kept[k]) ? kept[k] : methods[k];
    });
    const available = scenario().methods[methods[0]].scores.length;
    seeds.replaceChildren(...Array.from({ length: available }, (_, k) => make("option", { value: k + 1 }, `${k + 1}`)));
    seeds.value = available;
    epoch = slider.max = epochs();
    stop();
    update();
  }
  function stop() { clearInterval(timer); timer = undefined; play.textContent = "Play"; }
  function toggle() {
    if (timer) return stop();
    if (epoch === epochs()) epoch = 1;
    play.textContent = "Pause";
    timer = setInterval(() => { epoch += 1; if (epoch >= epochs()) { epoch = epochs(); stop(); } update(); }, PLAY_MS);
  }

  // ---- what is said -------------------------------------------------------------------------------------------

  function difference() {
    const [a, b] = chosen(), all = scenario().differences, n = count() - 1;
    if (all[`${a}|${b}`]) return all[`${a}|${b}`][n];
    const [value, low, high] = all[`${b}|${a}`][n];
    return [-value, high === null ? null : -high, low === null ? null : -low];
  }
  function said() {
    const [a, b] = chosen(), n = count();
    const scores = chosen().map((method) => mean(runs(method, "scores")));
    if (a === b) return `${title(a)}: ${scores[0].toFixed(1)} %. Choose two different methods to compare them.`;
    const [value, low, high] = difference();
    const start = `Mean of the last ${data.score_epochs} epochs: ${title(a)} ${scores[0].toFixed(1)} %, ` +
      `${title(b)} ${scores[1].toFixed(1)} %. Difference ${signed(value)} points`;
    if (low === null) return `${start}; ${n === 1 ? "one seed has" : "equal differences have"} no interval.`;
    const verdict = low > 0 ? `${title(a)} is ahead` : high < 0 ? `${title(b)} is ahead` : "no clear difference";
    return `${start}, 95 % interval [${signed(low)}, ${signed(high)}], paired over ${n} seeds: ${verdict}.`;
  }

  // ---- what is drawn ------------------------------------------------------------------------------------------

  function canvas(low, high, xLabels, words) {
    const em = parseFloat(getComputedStyle(picture).fontSize), width = Math.max(picture.clientWidth, 240);
    const height = Math.min(Math.max(0.5 * width, 17 * em), 30 * em);
    const box = { left: 3.4 * em, right: width - em, top: 0.8 * em, bottom: height - 2 * em, em };
    box.y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
    for (let k = 0; k <= 4; k += 1) {
      const value = low + (k / 4) * (high - low), y = box.y(value);
      svg.append(draw("line", { x1: box.left, x2: box.right, y1: y, y2: y, class: "grid" }),
        draw("text", { x: box.left - 0.5 * em, y: y + 0.35 * em, "text-anchor": "end" }, String(Math.round(100 * value) / 100)));
    }
    xLabels.forEach(([x, text]) => svg.append(
      draw("text", { x: box.left + x * (box.right - box.left), y: box.bottom + 1.4 * em, "text-anchor": "middle" }, text)));
    return [svg, box];
  }
  const xAt = (box, e) => box.left + ((e - 1) / Math.max(epochs() - 1, 1)) * (box.right - box.left);
  const epochLabels = () => [1, Math.round(epochs() / 2), epochs()].map((e) =>
    [(e - 1) / Math.max(epochs() - 1, 1), e === epochs() ? `${e}` : e === 1 ? "epoch 1" : `${e}`]);
  function line(svg, box, values, color, dash) {
    let path = "", pen = "M";
    values.slice(0, epoch).forEach((value, k) => {
      if (value === null) { pen = "M"; return; }
      path += `${pen}${xAt(box, k + 1).toFixed(1)},${box.y(value).toFixed(1)}`;
      pen = "L";
    });
    svg.append(draw("path", { d: path, fill: "none", stroke: ink(color), "stroke-width": 2.5, "stroke-dasharray": dash }));
  }
  function band(svg, box, low, high, color) {
    const there = low.slice(0, epoch).map((value, k) => `${xAt(box, k + 1).toFixed(1)},${box.y(value).toFixed(1)}`);
    const backward = high.slice(0, epoch).map((value, k) => `${xAt(box, k + 1).toFixed(1)},${box.y(value).toFixed(1)}`);
    svg.append(draw("polygon", { points: [...there, ...backward.reverse()].join(" "), fill: ink(color), opacity: 0.18 }));
  }
  const overSeeds = (values, how) => values[0].map((_, e) => how(values.map((seed) => seed[e])));

  function curves() {
    const [svg, box] = canvas(0, 100, epochLabels(), `Curves of test accuracy up to epoch ${epoch}. ${said()}`);
    const rows = [];
    chosen().forEach((method, k) => {
      const values = runs(method, "accuracy"), { color } = data.methods[method];
      band(svg, box, overSeeds(values, (v) => Math.min(...v)), overSeeds(values, (v) => Math.max(...v)), color);
      line(svg, box, overSeeds(values, mean), color, DASHES[k]);
      values.forEach((seed, s) => rows.push([title(method), s, seed[epoch - 1]?.toFixed(1)]));
    });
    return ["Test accuracy in %. Line: mean, band: lowest to highest seed.", svg, ["method", "seed", `test accuracy in %, epoch ${epoch}`], rows];
  }
  function classes() {
    const { class_names: names, class_counts: counts } = scenario(), wide = 1 / names.length;
    const [svg, box] = canvas(0, 100, names.map((name, c) => [(c + 0.5) * wide, name]),
      `Accuracy of each class at epoch ${epoch}. ${said()}`);
    const rows = names.map((name, c) => [name, counts[c]]), span = (box.right - box.left) * wide;
    chosen().forEach((method, k) => {
      names.forEach((_, c) => {
        const value = mean(runs(method, "classes").map((seed) => seed[epoch - 1][c])), color = ink(data.methods[method].color);
        svg.append(draw("rect", { x: box.left + c * span + span * (0.12 + 0.38 * k), width: 0.36 * span, y: box.y(value),
          height: box.bottom - box.y(value), fill: k ? "none" : color, stroke: color, "stroke-width": 2 }));
        rows[c].push(value.toFixed(1));
      });
    });
    return [`Accuracy of each class in % at epoch ${epoch}, mean of the seeds.`, svg, ["class", "training images", ...chosen().map(title)], rows];
  }
  function weights() {
    const all = chosen().map((method) => data.flows.map((_, f) =>
      overSeeds(runs(method, "weights"), (v) => mean(v.map((flows) => flows[f])))));
    const most = Math.max(1, ...all.flat(2).filter((value) => value !== null));
    const [svg, box] = canvas(0, Math.ceil(most * 2) / 2, epochLabels(),
      `Mean weights of the flows of mislabelled pictures up to epoch ${epoch}.`);
    const rows = [];
    chosen().forEach((method, k) => data.flows.forEach((flow, f) => {
      line(svg, box, all[k][f], data.methods[method].color, FLOW_DASHES[f]);
      rows.push([title(method), flow, all[k][f][epoch - 1]?.toFixed(3) ?? "none"]);
    }));
    if (all.flat(2).every((value) => value === null)) {
      svg.append(draw("text", { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, "text-anchor": "middle" },
        "No picture is mislabelled in what these methods train on."));
    }
    return ["Mean weight of the flows of mislabelled pictures.", svg, ["method", "flow", `mean weight, epoch ${epoch}`], rows];
  }

  function legend() {
    const sample = (attributes) => draw("svg", { viewBox: "0 0 40 12", class: "sample", "aria-hidden": "true" },
      view.value === "classes" ? draw("rect", { x: 4, y: 1, width: 32, height: 10, ...attributes })
        : draw("line", { x1: 0, x2: 40, y1: 6, y2: 6, ...attributes }));
    const methods = chosen().map((method, k) => {
      const color = ink(data.methods[method].color);
      const fillColor = view.value === "classes" && !k ? color : "none";
      const dash = view.value === "curves" ? DASHES[k] : "";
      return make("span", {}, sample({ stroke: color, fill: fillColor, "stroke-width": 3, "stroke-dasharray": dash }), title(method));
    });
    const flows = view.value === "weights" ? data.flows.map((flow, f) =>
      make("span", {}, sample({ stroke: "currentColor", "stroke-width": 3, "stroke-dasharray": FLOW_DASHES[f] }), flow)) : [];
    return make("p", { class: "legend" }, ...methods, ...flows);
  }
  function update() {
    slider.value = epoch;
    slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    where.textContent = `epoch ${epoch} of ${epochs()}`;
    if (finding.textContent !== said()) finding.textContent = said();
    const [caption, svg, head, rows] = { curves, classes, weights }[view.value]();
    picture.replaceChildren(make("p", { class: "axis" }, caption), legend(), svg);
    if (!table.open) return;
    const cells = (tag, texts) => make("tr", {}, ...texts.map((text) => make(tag, {}, String(text))));
    table.lastElementChild.replaceChildren(make("table", {}, make("thead", {}, cells("th", head)),
      make("tbody", {}, ...rows.map((row) => cells("td", row)))));
  }

  place.classList.add("gdw-records");
  place.replaceChildren(
    make("div", { class: "controls" }, scenarioLabel, firstLabel, secondLabel, seedsLabel, viewLabel),
    make("div", { class: "controls" }, play, slider, where), finding, picture, table);
  enter();
  let width = picture.clientWidth, size = getComputedStyle(picture).fontSize;
  new ResizeObserver(() => {
    const now = [picture.clientWidth, getComputedStyle(picture).fontSize];
    if (now[0] === width && now[1] === size) return;
    [width, size] = now;
    update();
  }).observe(picture);
})();
