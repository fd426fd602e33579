"""The page: one HTML file with its pictures inside, to look through by eye; it needs no server and no network."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from pandas import DataFrame

MARK = '<meta name="generator" content="gdw audit">'  # our own page is known by it
SMALL = 64  # pixels: smaller pictures are shown with hard edges
PAIRS = "class pairs that labels are probably wrong between, the most frequent first"
QUALITY = 85  # of JPEG, for the larger ones
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
HEADS = (  # title, key, kind
    ("rank", "rank", "number"), ("observed label", "observed", "text"), ("proposed label", "proposed", "text"),
    ("score", "score", "number"), ("path", "path", "text"),
)  # fmt: skip
KEYS = (
    '<p class="keys">Keys: <kbd>↓</kbd> or <kbd>j</kbd> next picture, <kbd>↑</kbd> or <kbd>k</kbd> the one before, '
    "<kbd>f</kbd> choose a class pair, <kbd>Esc</kbd> all pairs, <kbd>Tab</kbd> and <kbd>Enter</kbd> on a column's "
    "name to sort.</p>"
)


def page(
    title: str, table: "DataFrame", pictures: UInt8[np.ndarray, "images channels height width"],
    sentences: Sequence[str], pairs: "DataFrame",
) -> str:
    """The HTML text.

    Args:
        title: what was audited.
        table: by :func:`gdw.comparison.audit.table.suspects`, with the rows to show.
        pictures: of the whole data set; the table's index is the picture's number.
        sentences: what a reader must know.
        pairs: by :func:`gdw.comparison.audit.count.pairs`.
    """
    listed = list(table.itertuples())
    counted = Counter(_pair(row) for row in listed)
    options = "".join(
        f'<option value="{escape(pair)}">{escape(pair)} ({count})</option>' for pair, count in counted.most_common()
    )
    heads = "".join(
        f'<th scope="col" data-key="{key}" data-kind="{kind}" aria-sort="{"ascending" if key == "rank" else "none"}">'
        f'<button type="button">{name}</button></th>'
        for name, key, kind in HEADS
    )
    rows = "\n".join(_row(row, pictures[row.Index]) for row in listed)
    name = escape(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{MARK}
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Suspicious labels: {name}</title>
<style>
{_part("page.css")}</style>
</head>
<body>
<main>
<h1>Suspicious labels: {name}</h1>
<ul>{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>
{_pairs(pairs)}
<div class="controls"><label for="pair">Class pair (observed → proposed): </label>
<select id="pair"><option value="">all</option>{options}</select>
<span id="shown" role="status"></span></div>
{KEYS}
<table id="suspects">
<thead><tr><th scope="col">picture</th>{heads}<th scope="col">reason</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</main>
<script>
{_part("page.js")}</script>
</body>
</html>
"""


def _pair(row: Any) -> str:
    return f"{row.observed} → {row.proposed}"


def _row(row: Any, picture: UInt8[np.ndarray, "channels height width"]) -> str:
    small = ' class="small"' if max(picture.shape[1:]) <= SMALL else ""
    data = {name: getattr(row, name) for name in ("rank", "observed", "proposed", "score", "path")}
    held = " ".join(f'data-{name}="{escape(str(value))}"' for name, value in data.items())
    differs = ' class="different"' if row.observed != row.proposed else ""
    alt = escape(f"{row.path}, labelled {row.observed}")
    return (
        f'<tr tabindex="-1" data-pair="{escape(_pair(row))}" {held}>'
        f'<td><img{small} src="{_data_uri(picture)}" alt="{alt}"></td><td>{row.rank}</td>'
        f"<td>{escape(row.observed)}</td><td{differs}>{escape(row.proposed)}</td><td>{row.score:.3f}</td>"
        f'<td class="path">{escape(row.path)}</td><td>{escape(row.reason)}</td></tr>'
    )


def _pairs(pairs: "DataFrame", shown: int = 10) -> str:
    if pairs.empty:
        return ""
    rows = "".join(
        f"<tr><td>{escape(row.observed)}</td><td>{escape(row.proposed)}</td></tr>"
        for row in pairs.head(shown).itertuples()
    )
    return (
        f"<details><summary>{PAIRS}</summary><table>"
        '<thead><tr><th scope="col">observed</th><th scope="col">proposed</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )


def _data_uri(picture: UInt8[np.ndarray, "channels height width"]) -> str:
    from PIL import Image

    grey = picture.shape[0] == 1
    image = Image.fromarray(picture[0] if grey else np.ascontiguousarray(picture.transpose(1, 2, 0)))
    small, content = max(picture.shape[1:]) <= SMALL, io.BytesIO()
    image.save(content, "PNG") if small else image.save(content, "JPEG", quality=QUALITY)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def _part(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")
