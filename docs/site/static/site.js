// What every page has: large type, the widgets' dark colours, and boxes that scroll within reach of the keyboard.

(() => {
  const root = document.documentElement;

  const large = (on) => {
    root.classList.toggle("large-type", on);
    document.querySelectorAll("[data-large-type]").forEach((button) => button.setAttribute("aria-pressed", String(on)));
  };
  const remembered = () => { try { return localStorage.getItem("gdw-large-type") === "yes"; } catch { return false; } };
  const remember = (on) => { try { localStorage.setItem("gdw-large-type", on ? "yes" : "no"); } catch { /* not allowed */ } };
  if (remembered()) root.classList.add("large-type");

  const darkSystem = matchMedia("(prefers-color-scheme: dark)");
  const colours = () => {  // the microscope's style asks for the attribute that JupyterLab sets
    const theme = document.body.dataset.theme;
    const dark = theme === "dark" || (theme !== "light" && darkSystem.matches);
    document.body.dataset.jpThemeLight = String(!dark);
  };

  const reach = () => document.querySelectorAll("pre, .output, .table-wrapper, .formula").forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
  });

  document.addEventListener("DOMContentLoaded", () => {
    large(remembered());
    document.querySelectorAll("[data-large-type]").forEach((button) => button.addEventListener("click", () => {
      const on = !root.classList.contains("large-type");
      remember(on);
      large(on);
      reach();
    }));
    colours();
    new MutationObserver(colours).observe(document.body, { attributeFilter: ["data-theme"] });
    darkSystem.addEventListener("change", colours);
    reach();
    document.querySelectorAll("details").forEach((box) => box.addEventListener("toggle", reach));
    addEventListener("resize", reach);
  });
})();
