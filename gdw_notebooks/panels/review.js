// @ts-check
// The label review's browser side: the audit's page in a frame; what a person decides there goes to the kernel.

const PATIENCE_MS = 3000;
const SILENT = "Not saved yet: the kernel does not answer. If it was restarted, run this cell again.";

/**
 * @typedef {{ page?: string, problem: string }} Answer
 * @typedef {{ send(content: object): void, on(event: string, listener: (answer: Answer) => void): void,
 *             off(event: string, listener: (answer: Answer) => void): void }} Model
 * @param {{ model: Model, el: HTMLElement }} host
 */
function render({ model, el }) {
  const frame = document.createElement("iframe"), problem = document.createElement("p");
  Object.assign(frame, { title: "Label review", className: "gdw-review", sandbox: "allow-scripts" });
  Object.assign(frame.style, {
    display: "block", boxSizing: "border-box", width: "100%", height: "640px", border: "1px solid #767676",
  });
  problem.style.margin = "0";
  problem.setAttribute("role", "alert");
  el.append(problem, frame);
  let late = 0, fresh = false;
  const show = (/** @type {Answer} */ { page, problem: said }) => {
    clearTimeout(late);
    late = 0;
    problem.textContent = said;
    if (page === undefined) return;
    const light = document.body.dataset.jpThemeLight; // JupyterLab's own switch; elsewhere the system's is taken
    fresh = true;
    frame.srcdoc = light ? page.replace("<html", `<html data-theme="${light === "true" ? "light" : "dark"}"`) : page;
  };
  const hear = (/** @type {MessageEvent} */ event) => {
    if (event.source !== frame.contentWindow || !event.data?.gdw) return;
    model.send(event.data); // the kernel answers each one
    late ||= window.setTimeout(() => { problem.textContent = SILENT; }, PATIENCE_MS);
  };
  frame.addEventListener("load", () => {
    if (frame.srcdoc && !fresh) model.send({ open: true }); // moved in the page, a frame loads again what it had at first
    fresh = false;
    if (document.activeElement === frame) frame.contentWindow?.focus();
  });
  model.on("msg:custom", show);
  addEventListener("message", hear);
  model.send({ open: true });
  return () => { clearTimeout(late); model.off("msg:custom", show); removeEventListener("message", hear); };
}

export default { render };
