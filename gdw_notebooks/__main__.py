"""The course's commands: ``gdw-course start | demo | doctor | release | grade``, or ``python -m gdw_notebooks ...``."""

import argparse
import sys
from collections.abc import Sequence

from gdw.errors import MissingPackage
from gdw_notebooks.course import demo, doctor, grade, release, start

# Each module has HELP, add_options(parser) and main(options), which returns the exit status. They import what is heavy
# or optional inside their functions, so that help and the doctor work where it is missing.
COMMANDS = {"start": start, "demo": demo, "doctor": doctor, "release": release, "grade": grade}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run; returns the exit status. A wrong request ends in one sentence on stderr and status 2."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError, MissingPackage) as error:
        print(f"gdw-course: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # the way to end a server
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gdw-course", description="The course on class-level gradient flows.")
    commands = parser.add_subparsers(required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.HELP, description=command.__doc__.splitlines()[0])
        one.set_defaults(command=command.main)
        command.add_options(one)
    return parser


if __name__ == "__main__":
    sys.exit(main())
