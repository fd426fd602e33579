"""The check of the scripts' types: every script, by an installed TypeScript alone."""

import re
import subprocess

import pytest

from tools import javascript

OURS = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.js"]
NAMES = subprocess.run(OURS, cwd=javascript.ROOT, capture_output=True, text=True, check=True).stdout.split()
SCRIPTS = sorted(javascript.ROOT / name for name in NAMES)


@pytest.mark.parametrize("status", [0, 2])
def test_every_script_is_checked_and_wrong_types_are_a_failure(monkeypatch, status):
    commands = []
    monkeypatch.setattr(javascript, "find_typescript", lambda: ["node", "tsc"])
    monkeypatch.setattr(javascript.subprocess, "call", lambda command, **options: commands.append(command) or status)
    assert javascript.main() == status
    asked = [name for _, _, *arguments in commands for name in arguments if name.endswith(".js")]
    assert all({"--noEmit", "--checkJs", "--strict"} < set(command) for command in commands)
    assert sorted(javascript.ROOT / name for name in asked) == SCRIPTS
    assert {"microscope.js", "records.js", "decisions.js", "slides.js"} < {path.name for path in SCRIPTS}


def test_without_typescript_it_says_what_it_skipped(monkeypatch, capsys):
    monkeypatch.setattr(javascript.shutil, "which", lambda name: None)
    assert javascript.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        "The JavaScript check was skipped: it needs TypeScript (tsc), which was not found."
    ]


def test_npx_is_asked_for_what_is_installed_and_downloads_nothing(monkeypatch):
    asked = []

    class Unknown:
        returncode = 1

    monkeypatch.setattr(javascript.shutil, "which", lambda name: "npx" if name == "npx" else None)
    monkeypatch.setattr(javascript.subprocess, "run", lambda command, **options: asked.append(command) or Unknown)
    assert javascript.find_typescript() is None
    assert asked == [["npx", "--no-install", "tsc", "--version"]]


def test_every_script_asks_for_the_check():
    for path in SCRIPTS:
        assert path.read_text("utf-8").startswith("// @ts-check\n"), path.name


NESTED = re.compile(r"\$\{[^{}`]*\}")  # what a template puts in
TEXT = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_text_on_the_page_names_a_variable(script):
    """Such as "39 of 120 state.labels are wrong", which a renaming left there."""
    code = re.sub(r"(?m)^\s*(//|\*|/\*|import ).*$", "", script.read_text("utf-8"))
    for text in TEXT.findall(NESTED.sub("", code)):
        assert not re.search(r"\bstate\.[a-z]", text), text
