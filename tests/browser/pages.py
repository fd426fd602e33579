"""What a test does on a page: write and open a notebook, run all of it, wait until the kernel rests."""

import uuid
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

OPEN_MS = 120_000  # a first kernel imports torch on a cold disk
RUN_MS = 180_000

# The notebook in front, once its file is read and its kernel is there.
PANEL = "const panel = window.jupyterapp.shell.currentWidget;"
READY = """async () => {
  await window.jupyterapp.restored;
  const panel = window.jupyterapp.shell.currentWidget;
  if (!panel?.context) return false;
  await panel.context.ready;
  await panel.sessionContext.ready;
  return panel.sessionContext.session?.kernel?.status === 'idle';
}"""
RUN = f"""() => {{
  {PANEL}
  window.ranAll = false;
  window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => {{ window.ranAll = true; }});
}}"""
RESTED = f"""() => {{
  {PANEL}
  return window.ranAll && panel.sessionContext.session?.kernel?.status === 'idle';
}}"""
FAILURES = f"""() => {{
  {PANEL}
  const failures = [];
  for (const cell of panel.model.sharedModel.cells)
    for (const output of cell.toJSON().outputs ?? [])
      if (output.output_type === 'error') failures.push(output.ename + ': ' + output.evalue);
  return failures;
}}"""


def write_notebook(path: Path, *sources: str) -> str:
    """A notebook of these cells, for this Python; its name."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path.name


def open_notebook(page: Page, path: str) -> None:
    """In JupyterLab; `path` as seen from notebooks/. A workspace of its own, so that no other test's tabs return."""
    page.goto(f"/lab/workspaces/{uuid.uuid4().hex}/tree/{path}", timeout=OPEN_MS)
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context", timeout=OPEN_MS)
    page.wait_for_function(READY, timeout=OPEN_MS)


def run_all(page: Page, timeout: float = RUN_MS) -> None:
    """Runs all cells of the open notebook and waits until the kernel rests; a cell's error is the test's error."""
    page.evaluate(RUN)
    page.wait_for_function(RESTED, timeout=timeout)
    failures = page.evaluate(FAILURES)
    assert not failures, failures


def show_more(page: Page) -> None:
    """All controls of the lab in sight."""
    more = page.get_by_role("button", name="More", exact=True).locator("visible=true").first
    if "mod-active" not in (more.get_attribute("class") or ""):
        more.click()
    expect(page.get_by_label("Run code").locator("visible=true").first).to_be_visible()


def open_voila(page: Page, path: str, timeout: float = RUN_MS) -> None:
    """A notebook as a Voilà page, waited for until its last cell has run and its spinner is gone."""
    page.goto(f"/voila/render/{path}", timeout=timeout)
    expect(page.locator("#loading")).to_be_hidden(timeout=timeout)
