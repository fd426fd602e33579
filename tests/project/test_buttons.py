"""Buttons come from one address; without one there are none."""

import pytest

from tools.buttons import BEGIN, END, README, buttons, project_urls, with_buttons

URLS = {"Repository": "https://github.com/someone/gdw"}
PAGE = f"# gdw\n\n{BEGIN}\nold\n{END}\n\nText."


def test_without_an_address_there_are_none():
    assert buttons({}) == ""
    assert with_buttons(PAGE, {}) == f"# gdw\n\n{BEGIN}\n{END}\n\nText."


def test_one_address_makes_them_all():
    line = buttons(URLS, "notebooks/demo/a b.ipynb", badges=True)
    assert "(https://colab.research.google.com/github/someone/gdw/blob/main/notebooks/demo/a%20b.ipynb)" in line
    assert "(https://mybinder.org/v2/gh/someone/gdw/main?labpath=notebooks%2Fdemo%2Fa%20b.ipynb)" in line
    assert "actions/workflows/tests.yml/badge.svg" in line
    assert "badge" not in buttons(URLS)
    assert buttons({"Site": "https://someone.example"}) == "[Read the course](https://someone.example)"


@pytest.mark.parametrize("ending", ["", "/", ".git"])
def test_an_address_may_end_as_people_copy_it(ending):
    assert buttons({"Repository": URLS["Repository"] + ending}) == buttons(URLS)


@pytest.mark.parametrize("address", ["github.com/someone/gdw", "https://example.org/gdw", "https://github.com/someone"])
def test_another_address_is_refused(address):
    with pytest.raises(ValueError, match="Repository wants https://github.com/OWNER/NAME"):
        buttons({"Repository": address})


def test_they_are_written_twice_to_the_same_page():
    once = with_buttons(PAGE, URLS)
    assert with_buttons(once, URLS) == once
    assert once.count("Colab") == 1
    with pytest.raises(ValueError, match="needs the lines"):
        with_buttons("# gdw", URLS)


def test_the_readme_shows_what_the_project_names():
    page = README.read_text("utf-8")
    assert with_buttons(page, project_urls()) == page, "python -m tools.buttons"
