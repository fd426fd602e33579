"""What the classroom page costs: memory and seconds a page, first picture, kernels left. ``--json FILE`` writes it.

    python -m benchmarks.classroom --json classroom.json

Starts the real server and opens 1, 2 and 4 pages in a real browser. Memory is PSS: each process's own pages, and its
share of those that several processes hold; Linux tells it in ``/proc/PID/smaps_rollup``.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

PICTURE = ".gdw-panel :is(img, [role=img]):visible"  # sent, or drawn in the page
PAGES = (1, 2, 4)
TOKEN = "classroom-benchmark"  # noqa: S105 - of a server that ends with the benchmark
START_SECONDS, END_SECONDS, REST_SECONDS = 120, 30, 5
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
MB = 1e6


def pss_mb(process: psutil.Process) -> float:
    """The process's share of memory, in MB."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text("utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / MB
    raise OSError(f"/proc/{process.pid}/smaps_rollup tells no PSS")


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time that it has used."""
    times = process.cpu_times()
    return times.user + times.system


def kernels(server: psutil.Process) -> list[psutil.Process]:
    """The pages' processes: what the server or its warm parent started, but for that parent."""
    return [one for one in server.children(recursive=True) if _is_kernel(server, one)]


def _is_kernel(server: psutil.Process, process: psutil.Process) -> bool:
    """A fork has its parent's command line, so it is told from the warm parent by whose child it is."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.ppid() != server.pid or "gdw_notebooks.course.warm" not in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def serve(log: Path, *options: str) -> tuple[subprocess.Popen, str]:
    """The server and its address, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gdw_notebooks", "demo", "--no-browser", "--port", str(port), *options]
    with log.open("w", encoding="utf-8") as file:
        server = subprocess.Popen(  # noqa: S603 - our own module and options, no shell
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | {"JUPYTER_TOKEN": TOKEN}
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        for line in log.read_text("utf-8").splitlines():
            if line.startswith(f"http://127.0.0.1:{port}/"):
                return server, f"http://127.0.0.1:{port}/?token={TOKEN}"
        time.sleep(0.2)
    server.kill()
    raise OSError(f"the server did not start:\n{log.read_text('utf-8')}")


def open_page(browser: Browser, address: str) -> tuple[Page, float]:
    """The page, and the seconds until its first picture is seen."""
    page, started = browser.new_page(), time.perf_counter()
    page.goto(address, timeout=START_SECONDS * 1000)
    page.locator(PICTURE).first.wait_for(timeout=START_SECONDS * 1000)
    return page, time.perf_counter() - started


def measure(log: Path, counts: tuple[int, ...] = PAGES) -> list[dict]:
    """Open the pages one after another; a row for each count, then close all."""
    server, address = serve(log)
    rows, process = [], psutil.Process(server.pid)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            opened, before = [], pss_mb(process) + sum(map(pss_mb, process.children()))
            for count in counts:
                firsts = []
                while len(opened) < count:
                    page, seconds = open_page(browser, address)
                    opened.append(page)
                    firsts.append(seconds)
                    time.sleep(REST_SECONDS)
                alive = kernels(process)
                total = sum(pss_mb(one) for one in [process, *process.children(recursive=True)])
                rows.append({
                    "pages": count, "first_picture_s": max(firsts), "server_mb": before, "total_mb": total,
                    "mb_a_page": (total - before) / count, "largest_page_pss_mb": max(map(pss_mb, alive)),
                    "cpu_s_a_page": sum(map(cpu_seconds, alive)) / count,
                })  # fmt: skip
            for page in opened:
                page.close()
            rows[-1]["kernels_left"], rows[-1]["end_s"] = kernels_left(process)
            browser.close()
    finally:
        server.terminate()
        server.wait(END_SECONDS)
    return rows


def kernels_left(server: psutil.Process) -> tuple[int, float]:
    """Kernels that are left after the last page closed, and the seconds until none was."""
    started = time.perf_counter()
    while kernels(server) and time.perf_counter() - started < END_SECONDS:
        time.sleep(0.1)
    return len(kernels(server)), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder) / "server.log")
    for row in rows:
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
