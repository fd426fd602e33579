// @ts-check
// A game: 60 seconds, one picture with its label after another, is the label right or wrong? Then the audit's score.

const SECONDS = 60;

/**
 * @typedef {{ picture: string, label: string, wrong: boolean, audit: boolean }} Round audit: whether it doubts the label
 * @typedef {{ get(name: "rounds"): Round[] }} Model
 */

/**
 * What came of some answers, in words.
 * @param {Round[]} seen
 * @param {boolean[]} said for each, whether its label was called wrong
 */
function result(seen, said) {
  const score = (/** @type {(place: number) => boolean} */ calls) => ({
    right: seen.filter((round, place) => calls(place) === round.wrong).length,
    found: seen.filter((round, place) => calls(place) && round.wrong).length,
  });
  const you = score((place) => said[place]), audit = score((place) => seen[place].audit);
  const wrong = seen.filter((round) => round.wrong).length;
  return `${seen.length} labels judged, ${wrong} of them were wrong. You: ${you.right} judged rightly, ${you.found} wrong ones found. ` +
    `The audit on the same pictures: ${audit.right} judged rightly, ${audit.found} wrong ones found.`;
}

/** @param {{ model: Model, el: HTMLElement }} host */
function render({ model, el }) {
  const make = (/** @type {string} */ tag, /** @type {string} */ name, /** @type {string} */ text = "") =>
    Object.assign(document.createElement(tag), { className: name, textContent: text });
  const root = make("section", "gdw-spot"), picture = /** @type {HTMLImageElement} */ (make("img", "picture"));
  const label = make("p", "label"), clock = make("p", "clock"), said = make("p", "said");
  const [start, wrong, right] = ["Start (60 seconds)", "← Wrong", "Right →"].map((text) => make("button", "", text));
  root.tabIndex = 0;
  root.setAttribute("aria-label", "Spot the wrong label");
  said.setAttribute("role", "status");
  const buttons = make("p", "buttons");
  buttons.append(wrong, right);
  root.append(start, picture, label, buttons, clock, said);
  el.append(root);
  let rounds = model.get("rounds"), place = 0, ends = 0, timer = 0, playing = false;
  /** @type {boolean[]} */
  let answers = [];

  const draw = () => {
    picture.hidden = label.hidden = clock.hidden = buttons.hidden = !playing;
    start.hidden = playing;
    if (!playing) return;
    picture.src = rounds[place].picture;
    picture.alt = `A small picture, labelled ${rounds[place].label}`;
    label.textContent = `label: ${rounds[place].label}`;
    clock.textContent = `${Math.max(0, Math.ceil((ends - performance.now()) / 1000))} s left, ${place} judged`;
  };
  const stop = () => {
    playing = false;
    clearInterval(timer);
    said.textContent = result(rounds.slice(0, answers.length), answers);
    start.textContent = "Once more (60 seconds)";
    if (root.contains(document.activeElement)) root.focus({ preventScroll: true }); // its buttons go
    draw();
  };
  const begin = () => {
    rounds = [...model.get("rounds")].sort(() => Math.random() - 0.5);
    [place, answers, playing, said.textContent] = [0, [], true, ""];
    ends = performance.now() + 1000 * SECONDS;
    timer = window.setInterval(() => { if (performance.now() >= ends) stop(); else draw(); }, 250);
    draw();
    root.focus({ preventScroll: true });
  };
  const answer = (/** @type {boolean} */ called) => {
    if (!playing) return;
    answers.push(called);
    place += 1;
    if (place === rounds.length) stop(); else draw();
  };
  start.addEventListener("click", begin);
  wrong.addEventListener("click", () => answer(true));
  right.addEventListener("click", () => answer(false));
  root.addEventListener("keydown", (event) => {
    if (!playing || event.repeat || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would move between its cells
    answer(event.key === "ArrowLeft");
  });
  draw();
  return () => clearInterval(timer);
}

export default { render };
