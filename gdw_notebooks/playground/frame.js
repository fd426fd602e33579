// @ts-check
// The playground's frame in a page around it: as high as its content, in the page's theme, which is not always the system's.

/**
 * @param {HTMLIFrameElement} frame
 * @returns {() => void} ends it
 */
export function embed(frame) {
  const tell = () => { // JupyterLab and the site say so in this attribute
    const light = document.body.dataset.jpThemeLight;
    if (light) frame.contentWindow?.postMessage({ theme: light === "true" ? "light" : "dark" }, "*");
  };
  const hear = (/** @type {MessageEvent} */ { source, data }) => {
    if (source !== frame.contentWindow || !data?.height) return;
    frame.style.height = `${data.height}px`;
    tell();
  };
  const themed = new MutationObserver(tell);
  themed.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  addEventListener("message", hear);
  tell();
  return () => {
    themed.disconnect();
    removeEventListener("message", hear);
  };
}
