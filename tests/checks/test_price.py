"""Exercises of notebook 07, and the count of passes behind it."""

import pytest

from gdw_notebooks.checks.price import STATIONS, PassOrder, PredictedCost
from gdw_notebooks.examples.passes import KINDS, PASSES, total

ORDER = [
    "forward", "virtual step", "clean forward", "clean backward", "tangent pass", "V learns", "stage two",
    "real backward",
]  # fmt: skip


def test_the_order_of_a_step():
    assert PassOrder()(ORDER).right
    assert PassOrder()([s for s in ORDER if s != "V learns"] + ["V learns"]).right  # it may learn last
    swapped = ["virtual step", "forward", *ORDER[2:]]
    assert "“virtual step” comes before “forward”" in PassOrder()(swapped).text
    assert "each of these names once" in PassOrder()(ORDER[:-1]).text
    assert "each of these names once" in PassOrder()("forward").text
    assert PassOrder()([None] * len(STATIONS)).verdict == "not answered yet"


@pytest.mark.parametrize("place", range(len(ORDER) - 1))
def test_every_other_swap_of_neighbours_is_seen(place):
    answer = [*ORDER[:place], ORDER[place + 1], ORDER[place], *ORDER[place + 2 :]]
    either_way = {ORDER[place], ORDER[place + 1]} == {"V learns", "stage two"}
    assert PassOrder()(answer).right == either_way


def test_a_predicted_cost():
    check = PredictedCost(3.168)
    assert check(19 / 6).right
    assert "too much" in check(11 / 3).text
    assert "too little" in check(3).text
    assert "number of passes" in check(9.5).text
    assert len(check(3).hints) == 4
    assert check(None).verdict == "not answered yet"


def test_the_passes_are_those_that_the_notebook_speaks_of():
    assert {way: total(way) for way in PASSES} == {
        "cross-entropy": 3, "MWNet": 10, "GDW": 10, "GDW, save_memory": 11, "GDW by double backward": 12,
    }  # fmt: skip
    assert {kind for passes in PASSES.values() for kind in passes} == set(KINDS)
