// @ts-check
// What a picture does for the panel around it: names for screen readers, keys, presses after values, a lost server.

/**
 * @typedef {{ get(name: string): any, on(event: string, listener: () => void): void, off(event: string, listener: () => void): void,
 *             _pending_msgs?: number, _msg_buffer?: object | null }} Control of ipywidgets, with what it keeps of unanswered values
 * @typedef {{ connectionStatus?: string }} Kernel
 * @typedef {{ get_model(id: string): Promise<Control>, kernel?: Kernel,
 *             context?: { sessionContext?: { session?: { kernel?: Kernel } } } }} Manager
 * @typedef {{ get(name: any): any, set(name: any, value: any): void, save_changes(): void, widget_manager: Manager,
 *             on(event: string, listener: () => void): void, off(event: string, listener: () => void): void }} Model
 */

// Screen readers find no name on ipywidgets' slider handles and play buttons: give them the ones that are seen.
/** @type {Record<string, string>} */
const PLAY = { "fa-play": "Play", "fa-pause": "Pause", "fa-stop": "Back to the start", "fa-retweet": "Repeat" };
/** @param {Element} panel */
const nameControls = (panel) => {
  for (const handle of panel.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label");
    if (label?.textContent) handle.setAttribute("aria-label", label.textContent);
  }
  for (const icon of panel.querySelectorAll(".widget-play i.fa")) {
    const kind = Object.keys(PLAY).find((name) => icon.classList.contains(name));
    const button = icon.closest("button");
    if (kind && button && button.getAttribute("aria-label") !== PLAY[kind]) button.setAttribute("aria-label", PLAY[kind]);
  }
};

// In JupyterLab a key belongs to the notebook, where an arrow leaves the cell and "x" cuts it: in here it is ours.
/** @param {KeyboardEvent} event */
const keepKey = (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); };

// JupyterLab may send a control's value and a button's press through different threads of the kernel, so the press may
// come first. So hold a press back until the kernel has answered every value: what the page shows is what it acts on.
const PATIENCE_MS = 10_000, POLL_MS = 10;
/** @type {(model: Model) => Promise<Control[]>} */
const controlsOf = async (model) => {
  const controls = [];
  for (const id of model.get("watched")) {
    try { controls.push(await model.widget_manager.get_model(id)); } catch { /* a control that is gone */ }
  }
  return controls;
};
/** @type {(panel: Element, model: Model) => () => void} */
const pressAfterValues = (panel, model) => {
  /** @type {Control[]} */
  let controls = [];
  const find = async () => { controls = await controlsOf(model); };
  const unanswered = () => controls.some((control) => (control._pending_msgs ?? 0) > 0 || control._msg_buffer);
  const passed = new WeakSet();
  /** @param {Event} event */
  const hold = (event) => {
    const button = event.target instanceof Element && event.target.closest("button");
    if (!button || passed.delete(button) || !unanswered()) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    const deadline = performance.now() + PATIENCE_MS;
    const wait = setInterval(() => {
      if (unanswered() && performance.now() < deadline) return;
      clearInterval(wait);
      passed.add(button);
      button.click();
    }, POLL_MS);
  };
  find();
  model.on("change:watched", find);
  panel.addEventListener("click", hold, true);
  return () => { model.off("change:watched", find); panel.removeEventListener("click", hold, true); };
};

// A page that stays open when its server has ended looks alive: say that it is not.
const CHECK_MS = 1000, SILENT_MS = 2500; // a short break of the network heals itself
const GONE = "The server behind this page is gone, so the buttons do nothing. Start it again, then reload this page.";
/** @type {(model: Model, el: HTMLElement) => () => void} */
const watchServer = (model, el) => {
  const kernel = model.widget_manager?.kernel ?? model.widget_manager?.context?.sessionContext?.session?.kernel;
  if (!kernel?.connectionStatus) return () => {}; // another kind of page, which shows this by itself
  const words = document.createElement("div");
  words.className = "gdw-gone";
  words.setAttribute("role", "alert");
  el.prepend(words);
  /** @type {number | null} */
  let lost = null;
  const check = () => {
    if (kernel.connectionStatus === "connected") lost = null;
    else lost ??= performance.now();
    const text = lost !== null && performance.now() - lost >= SILENT_MS ? GONE : "";
    if (words.textContent !== text) words.textContent = text;
  };
  const timer = setInterval(check, CHECK_MS);
  return () => clearInterval(timer);
};

// The panel is built around the picture after it: wait for it, then for whatever it shows later.
/** @type {(element: HTMLElement, model: Model) => () => void} */
const lookAfterPanel = (element, model) => {
  let letGo = () => {};
  const observer = new MutationObserver(() => {
    const panel = /** @type {HTMLElement | null} */ (element.closest(".gdw-panel"));
    if (panel) nameControls(panel);
  });
  const frame = requestAnimationFrame(() => {
    const panel = /** @type {HTMLElement | null} */ (element.closest(".gdw-panel"));
    if (!panel) return;
    panel.addEventListener("keydown", keepKey);
    letGo = pressAfterValues(panel, model);
    nameControls(panel);
    observer.observe(panel, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
  });
  return () => { cancelAnimationFrame(frame); observer.disconnect(); letGo(); };
};

/** Everything that a panel's picture does for the panel; returns what ends it. @type {(el: HTMLElement, model: Model) => () => void} */
export const lookAfter = (el, model) => {
  const leavePanel = lookAfterPanel(el, model), stopWatching = watchServer(model, el);
  return () => { leavePanel(); stopWatching(); };
};
