"""The page: it needs no other file, every text from outside is escaped, and each row has its own picture."""

import base64
import io
import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gdw.comparison.audit.page import MARK, page
from gdw.comparison.audit.table import FOUND

NASTY = '</script><script>alert("x")</script>&\u2028'


class Reader(HTMLParser):
    """Collects tags with their attributes, and the page's data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.inside, self.data = [], [], False, ""
        self.feed(text)
        self.data = json.loads(self.data)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = dict(attributes).get("id") == "data"
        self.cells += [""] if tag == "td" else []

    def handle_endtag(self, tag):
        self.inside = False
        self.cells += [""] if tag == "td" else []  # what follows is not in it

    def handle_data(self, data):
        if self.inside:
            self.data += data
        elif self.cells:
            self.cells[-1] += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def made(size=8, channels=3, pairs=(("cat", NASTY),), top=None):
    rows = [
        ("cat/" + NASTY, "cat", "dog", 0.9, 1, "looks like dog"),
        ("dog/1.png", "dog", NASTY, 0.5, 2, "looks odd"),
    ]
    table = pd.DataFrame(rows, columns=FOUND, index=pd.Index([3, 0], name="picture"))
    pictures = np.stack([np.full((channels, size, size), 20 * n, np.uint8) for n in range(4)])
    named = pd.DataFrame(pairs, columns=["observed", "proposed"])
    return page(NASTY, table, pictures, ["one & two", NASTY], named, top)


def test_the_ten_most_frequent_pairs_are_listed():
    text = made(pairs=[(f"was {n}", f"is {n}") for n in range(12)])
    assert [n for n in range(12) if f"<td>was {n}</td><td>is {n}</td>" in text] == list(range(10))


def test_text_from_outside_is_never_markup():
    text = made()
    read = Reader(text)
    assert len(read.all("script")) == 2
    assert "alert" not in text[text.rindex("<script>") :]
    assert read.data["path"][0] == "cat/" + NASTY
    assert read.data["classes"] == sorted(["cat", "dog", NASTY])
    assert MARK in text


def test_nothing_is_loaded_from_elsewhere():
    read = Reader(made())
    assert not read.all("link")
    assert all(picture.startswith("data:image/") for picture in read.data["picture"])
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_only_the_first_rows_are_shown_and_all_are_known():
    data = Reader(made(top=1)).data
    assert (len(data["picture"]), len(data["path"])) == (1, 2)


@pytest.mark.parametrize(("size", "channels", "kind"), [(8, 3, "PNG"), (8, 1, "PNG"), (96, 3, "JPEG"), (96, 1, "JPEG")])
def test_each_row_has_its_own_picture(size, channels, kind):
    shades = []
    for source in Reader(made(size, channels)).data["picture"]:
        content = base64.b64decode(source.partition("base64,")[2])
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size) == (kind, (size, size))
            shades.append(int(np.asarray(image.convert("L"))[0, 0]))
    np.testing.assert_allclose(shades, [60, 0], atol=2)
