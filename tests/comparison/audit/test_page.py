"""The page: it needs no other file, every text from outside is escaped, and each row has its own picture."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gdw.comparison.audit.page import MARK, page
from gdw.comparison.audit.table import COLUMNS

NASTY = '<script>alert("x")</script>&\u2028'


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text of each cell."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag == "td" or self.inside
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def made(size=8, channels=3, pairs=(("cat", NASTY),)):
    rows = [
        ("cat/" + NASTY, "cat", "dog", 0.9, 1, "looks like dog"),
        ("dog/1.png", "dog", NASTY, 0.5, 2, "looks odd"),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS, index=pd.Index([3, 0], name="picture"))
    pictures = np.stack([np.full((channels, size, size), 20 * n, np.uint8) for n in range(4)])
    named = pd.DataFrame(pairs, columns=["observed", "proposed"])
    return page(NASTY, table, pictures, ["one & two", NASTY], named)


def test_the_ten_most_frequent_pairs_are_listed():
    cells = Reader(made(pairs=[(f"was {n}", f"is {n}") for n in range(12)])).cells
    assert [n for n in range(12) if f"was {n}" in cells and f"is {n}" in cells] == list(range(10))


def test_text_from_outside_is_never_markup():
    text = made()
    read = Reader(text)
    assert len(read.all("script")) == 1
    assert "alert" not in text[text.rindex("<script>") :]
    assert "cat/" + NASTY in read.cells
    assert read.all("tr")[-1]["data-pair"] == f"dog → {NASTY}"
    assert MARK in text


def test_nothing_is_loaded_from_elsewhere():
    read = Reader(made())
    assert not read.all("link")
    assert all(attributes["src"].startswith("data:image/") for attributes in read.all("img"))
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(("size", "channels", "kind"), [(8, 3, "PNG"), (8, 1, "PNG"), (96, 3, "JPEG"), (96, 1, "JPEG")])
def test_each_row_has_its_own_picture(size, channels, kind):
    read = Reader(made(size, channels))
    shades = []
    for picture in read.all("img"):
        content = base64.b64decode(picture["src"].partition("base64,")[2])
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size) == (kind, (size, size))
            shades.append(int(np.asarray(image.convert("L"))[0, 0]))
    np.testing.assert_allclose(shades, [60, 0], atol=2)
    assert all(picture["alt"] for picture in read.all("img"))
