"""The page: one HTML file in which a person looks at the suspects and decides; it needs no server and no network."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import UInt8

from gdw.data.confirmed import SUSPECT
from gdw.data.dataset import Dataset
from gdw.data.features import thumbnails
from gdw.data.picture_labels import NONE
from gdw.pictures.decoding import BrokenPictureError, read_picture, refuse_huge_pictures
from gdw.pictures.on_disk import Images

if TYPE_CHECKING:
    from pandas import DataFrame

    Picture = UInt8[np.ndarray, "channels height width"]

MARK = '<meta name="generator" content="gdw audit">'  # our own page is known by it
SMALL = 64  # pixels: smaller pictures are shown with hard edges
PAIRS = "class pairs that labels are probably wrong between, the most frequent first"
QUALITY = 85  # of JPEG, for the larger ones
GREY = np.full((3, 8, 8), 128, np.uint8)  # in place of a picture that cannot be read
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True, eq=False)
class Shown:
    """Small copies of pictures for a page, each made when it is asked for by its place.

    Attributes:
        pictures: or their files.
        scale: the brightest shade.
        places: place in what was audited to place in ``pictures``, where it is another one.
    """

    pictures: Images | Sequence[Path]
    scale: float = 255.0
    places: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset) -> "Shown | None":
        """The pictures of a data set; None where it has none."""
        if dataset.pictures is not None:
            return cls(dataset.pictures)
        return cls(dataset.images, dataset.pixels.scale) if dataset.images.ndim == 4 else None

    def __getitem__(self, place: int) -> "Picture":
        """A copy; a grey one where it cannot be read."""
        try:
            with refuse_huge_pictures():
                found = self.pictures[self.places.get(place, place)]
                whole = torch.tensor(read_picture(found)).permute(2, 0, 1) if isinstance(found, Path) else found.cpu()
        except (BrokenPictureError, OSError, IndexError):
            return GREY
        small: np.ndarray = thumbnails(whole[None], self.scale)[0].numpy()
        return small


def page(
    title: str,
    table: "DataFrame",
    pictures: "Mapping[int, Picture] | UInt8[np.ndarray, 'images c h w'] | Shown",
    sentences: Sequence[str],
    pairs: "DataFrame",
    top: int | None = None,
    *,
    class_names: Sequence[str] = (),
    per_class: int | None = None,
    kept: Sequence[tuple[str, str]] | None = None,
) -> str:
    """The HTML text.

    Args:
        title: what was audited.
        table: by :func:`gdw.comparison.audit.table.suspects`.
        pictures: by the table's index.
        sentences: what a reader must know.
        pairs: by :func:`gdw.comparison.audit.count.pairs`.
        top: how many rows are shown, the first ones; the others are in ``corrected.csv`` alone. None: all.
        class_names: in the order of their keys; by default, those of the table in alphabetical order.
        per_class: ask for this many confirmed pictures of each class, and for no more.
        kept: a program shows the page and keeps the decisions, these so far, in their order: of a path, a class's name.
            The page then sends it each decision (``path``, ``label``; null: taken back) and keeps none itself.
    """  # fmt: skip
    data = _data(title, table, pictures, top, class_names) | {"perClass": per_class, "kept": kept}
    name = escape(title if per_class is not None else f"Suspicious labels: {title}")
    small = max((max(pictures[row].shape[1:]) for row in table.index[:1]), default=0) <= SMALL
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{MARK}
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
{_part("page.css")}</style>
</head>
<body{' class="small"' if small else ""}>
<main>
<header>
<h1>{name}</h1>
<details><summary>What was found, and the keys</summary>
<ul>{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>
{_pairs(pairs)}
{_part("keys.html")}</details>
</header>
{_part("review.html")}
</main>
<noscript>This page needs JavaScript.</noscript>
<script type="application/json" id="data">{_inside_script(data)}</script>
<script>
{_part("decisions.js")}{_part("page.js")}</script>
</body>
</html>
"""


def _data(title: str, table: "DataFrame", pictures: Any, top: int | None, class_names: Sequence[str]) -> dict[str, Any]:
    """What the page's script reads: columns instead of rows, since names of columns would be most of the text."""
    labels = table["label"].tolist() if "label" in table else [""] * len(table)
    chosen = table["chosen"].tolist() if "chosen" in table else [""] * len(table)
    known = {*table["observed"], *table["proposed"], *labels} - {"", NONE}
    reasons = table["reason"].tolist() if "reason" in table else [""] * len(table)
    paths = table["path"].tolist()
    return {
        "key": hashlib.sha256("\n".join([title, *sorted(paths)]).encode("utf-8", "surrogatepass")).hexdigest()[:16],
        "none": NONE,
        "suspect": SUSPECT,
        "classes": list(class_names) or sorted(known),
        "path": paths,
        "observed": table["observed"].tolist(),
        "proposed": table["proposed"].tolist(),
        "score": [float(score) for score in table["score"]],
        "reason": reasons,
        "label": labels,
        "chosen": chosen,
        "picture": [data_uri(pictures[place]) for place in table.index[:top]],
    }


def _inside_script(data: Mapping[str, Any]) -> str:
    """JSON that no text from outside can end."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _pairs(pairs: "DataFrame", shown: int = 10) -> str:
    if pairs.empty:
        return ""
    rows = "".join(
        f"<tr><td>{escape(row.observed)}</td><td>{escape(row.proposed)}</td></tr>"
        for row in pairs.head(shown).itertuples()
    )
    return (
        f"<table><caption>{PAIRS}</caption>"
        '<thead><tr><th scope="col">observed</th><th scope="col">proposed</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def data_uri(picture: "Picture") -> str:
    """A picture as an address that holds it, for a page without other files."""
    from PIL import Image

    grey = picture.shape[0] == 1
    image = Image.fromarray(picture[0] if grey else np.ascontiguousarray(picture.transpose(1, 2, 0)))
    small, content = max(picture.shape[1:]) <= SMALL, io.BytesIO()
    image.save(content, "PNG") if small else image.convert("RGB").save(content, "JPEG", quality=QUALITY)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def _part(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")
