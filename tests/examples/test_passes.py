"""The count of passes behind notebook 07."""

from gdw_notebooks.examples.passes import KINDS, PASSES, total


def test_the_passes_are_those_that_the_notebook_speaks_of():
    assert {way: total(way) for way in PASSES} == {
        "cross-entropy": 3, "MWNet": 10, "GDW": 10, "GDW, save_memory": 11, "GDW by double backward": 12,
    }  # fmt: skip
    assert {kind for passes in PASSES.values() for kind in passes} == set(KINDS)
