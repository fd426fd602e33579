"""Checks the types of the scripts in the browser by TypeScript, where that is installed; nothing is downloaded.

python -m tools.javascript
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = "gdw_notebooks/**/*.js"
OPTIONS = [
    "--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "es2022",
    "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable",
]  # fmt: skip


def find_typescript() -> list[str] | None:
    """The command of TypeScript's compiler, or None."""
    if tsc := shutil.which("tsc"):
        return [tsc]
    if (npx := shutil.which("npx")) is None:
        return None
    command = [npx, "--no-install", "tsc"]
    known = subprocess.run([*command, "--version"], cwd=ROOT, capture_output=True, check=False)  # noqa: S603 - npx and fixed words, no shell
    return command if known.returncode == 0 else None


def main() -> int:
    """The compiler's exit status; 0 where there is none, with a sentence."""
    typescript = find_typescript()
    if typescript is None:
        print("The JavaScript check was skipped: it needs TypeScript (tsc), which was not found.", flush=True)
        return 0
    scripts = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(SCRIPTS))
    return subprocess.call([*typescript, *OPTIONS, *scripts], cwd=ROOT)  # noqa: S603 - tsc and the repository's own files, no shell


if __name__ == "__main__":
    sys.exit(main())
