"""What is wrong with a file that cannot be read: nothing in it, a web page, a pointer to the real file."""

from pathlib import Path

BEGINNING = 512  # bytes looked at
POINTER = b"version https://git-lfs"
PAGES = (b"<!doctype", b"<html", b"<?xml")


def damage(path: Path) -> str | None:
    """The cause and the way out in a few words, or None where the file's beginning shows nothing wrong.

    Only a regular file is opened: a pipe would block.
    """
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        beginning = stream.read(BEGINNING)
    if not beginning:
        return "the file is empty; download it again"
    if beginning.startswith(POINTER):
        return "the file is a Git LFS pointer, not the data; fetch the data with 'git lfs pull'"
    if beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES):
        return "the file is a web page, not the data; download the file itself"
    return None
