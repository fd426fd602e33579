"""A folder of pictures whose labels are in a table, as annotation tools write them; the labels may be wrong."""

from pathlib import Path

import torch

from gdw.data.dataset import Dataset
from gdw.data.folder import channel_statistics, decode, reduced, require_size, say
from gdw.data.human_labels import chosen_column
from gdw.data.label_table import match, read_table
from gdw.data.scan import natural_key, pictures_below


def load_table(
    folder: str | Path,
    table: str | Path,
    column: str | None = None,
    image_size: int | None = None,
    seen_at: int | None = None,
) -> Dataset:
    """Pictures in a folder, at any depth, with the labels that a table gives them.

    Its ``labels`` are the observed ones and may be wrong: nothing here says which are. Pictures without a row are
    passed over, counted in ``notes`` and said in a warning.

    Args:
        folder: the pictures; the names of folders below it mean nothing.
        table: CSV or TSV, also gzipped, with a column ``path`` relative to ``folder`` and columns of labels. The
            classes are the words in the column, in natural order (2 before 10).
        column: which column; by default as for ``human:PATH`` (:mod:`gdw.data.human_labels`).
        image_size: height and width in pixels; default the pictures' own if all are of one size, else 32.
        seen_at: of a network that will see the pictures (:func:`gdw.data.folder.decode`).

    Raises:
        ValueError: see :func:`gdw.data.label_table.read_table`; a path of no picture or twice; an empty label; fewer
            than two classes; broken pictures.
        FileNotFoundError: no such folder or table.
    """
    folder = Path(folder).expanduser()
    require_size(image_size)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of pictures at {folder}")
    rows = read_table(Path(table).expanduser())
    column = chosen_column(rows.columns, column, rows.path)
    files, notes = pictures_below(folder)
    paths = [file.relative_to(folder).as_posix() for file in files]
    chosen = match(rows, paths)
    known = [place for place, row in enumerate(chosen) if row is not None]
    if without := len(paths) - len(known):
        first = next(path for path, row in zip(paths, chosen, strict=True) if row is None)
        notes += (f"passed over {without} as not in {rows.path.name} (first: {first})",)
    words = [rows.columns[column][chosen[place]] for place in known]
    if "" in words:
        raise ValueError(f"{rows.path}: {paths[known[words.index('')]]} has no label in column {column}")
    names = tuple(sorted(set(words), key=natural_key))
    if len(names) < 2:
        raise ValueError(f"{rows.path}: column {column} needs at least 2 classes, got {', '.join(names) or 'none'}")
    images = decode([files[place] for place in known], image_size, seen_at, rows.path.absolute())
    if image_size is None and seen_at is None:
        notes += reduced([files[place] for place in known], images)
    say(folder, notes, stacklevel=3)
    return Dataset(
        folder.resolve().name,
        names,
        images,
        torch.tensor([names.index(word) for word in words]),
        pixels=channel_statistics(images),
        paths=tuple(paths[place] for place in known),
        notes=(*notes, f"the labels are those of {rows.path.name}, column {column}: they may be wrong"),
    )
