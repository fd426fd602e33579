// @ts-check
// The label review's browser side: the audit's page in a frame; what a person decides there goes to the kernel.

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
  const show = (/** @type {Answer} */ { page, problem: said }) => {
    problem.textContent = said;
    if (page === undefined) return;
    const light = document.body.dataset.jpThemeLight; // JupyterLab's own switch; elsewhere the system's is taken
    frame.srcdoc = light ? page.replace("<html", `<html data-theme="${light === "true" ? "light" : "dark"}"`) : page;
  };
  const hear = (/** @type {MessageEvent} */ event) => {
    if (event.source === frame.contentWindow && event.data?.gdw) model.send(event.data);
  };
  frame.addEventListener("load", () => { if (document.activeElement === frame) frame.contentWindow?.focus(); });
  model.on("msg:custom", show);
  addEventListener("message", hear);
  model.send({ open: true });
  return () => { model.off("msg:custom", show); removeEventListener("message", hear); };
}

export default { render };
