"""Checks the types of the scripts in the browser by TypeScript, where that is installed; nothing is downloaded.

python -m tools.javascript
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WINGS = ("gdw_notebooks", "docs", "gdw", "tools")  # scripts of one of them see each other; two pages never do
OPTIONS = [
    "--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "es2022",
    "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable",
]  # fmt: skip


def scripts(wing: str) -> list[str]:
    """The scripts in a folder of the repository, as paths from its root."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / wing).rglob("*.js"))


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
    found = [subprocess.call([*typescript, *OPTIONS, *scripts(wing)], cwd=ROOT) for wing in WINGS]  # noqa: S603 - tsc and the repository's own files, no shell
    return max(found)


if __name__ == "__main__":
    sys.exit(main())
