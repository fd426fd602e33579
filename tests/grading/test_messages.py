"""Values between the grader and a student's process: back as they were, and nothing else gets through."""

import json
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
import torch

from gdw_notebooks.checks import start_here
from gdw_notebooks.grading.messages import LONGEST, MOST_KEYS, BadMessage, line, pack, read, unpack
from tests.checks.answers import CASES, DIFFERENCES


@pytest.mark.parametrize("value", [1, -0.1 / 3, "cat", True, [1, [2.5]], {"wins": [0.2, 1.0]}, {1: "a"}])
def test_plain_values_come_back(value):
    assert unpack(read(line({"value": pack(value)}))["value"]) == value


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.bool])
def test_tensors_come_back_to_the_last_bit(dtype):
    tensor = (torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 9).to(dtype)
    back = unpack(read(line({"value": pack(tensor)}))["value"])
    assert back.dtype == dtype
    assert torch.equal(back, tensor)


def test_what_a_notebook_may_hand_in():
    assert unpack(pack(...)) is None
    assert unpack(pack((1, 2))) == [1, 2]
    assert unpack(pack(np.arange(3))) == [0, 1, 2]
    assert unpack(pack(np.float32(0.5))) == 0.5
    assert unpack(pack([Fraction(1, 4), np.longdouble(2.5), np.int64(3)])) == [0.25, 2.5, 3]
    assert unpack(pack(MappingProxyType({"wins": (1, 2)}))) == {"wins": [1, 2]}
    assert unpack(pack(print), lambda: "stand-in") == "stand-in"
    assert unpack(pack(object())) == "an object of type object"


def test_keys_of_several_parts_come_back_and_too_many_are_a_note():
    value = {(1, "a"): 2, ((0.5, 1), 3): [4]}
    assert unpack(json.loads(json.dumps(pack(value)))) == value
    assert unpack(pack(dict.fromkeys(range(MOST_KEYS + 1)))) == "an object of type dict with more than 1,000 keys"


@pytest.mark.parametrize("text", [b"{", b"[1]", b"[" * 100_000, b"1" * (LONGEST + 1), b"\xff", b""])
def test_what_is_no_message_is_refused(text):
    with pytest.raises(BadMessage):
        read(text)


@pytest.mark.parametrize("packed", [
    {}, {"kind": "tensor"}, {"kind": "tensor", "dtype": "float", "values": [1], "shape": [2]},
    {"kind": "mapping", "items": [[{"kind": "mapping", "items": []}, 2]]}, {"kind": "mapping", "items": 3},
    {"kind": "gizmo"},
    {"kind": "tensor", "dtype": "torch.float64", "values": ["a"], "shape": [1]},
    {"kind": "tensor", "dtype": [], "values": [], "shape": [0]},
    {"kind": "mapping", "items": [[key * (2**61 - 1), 1] for key in range(MOST_KEYS + 1)]},  # all have one hash
])  # fmt: skip
def test_what_pack_did_not_make_is_refused(packed):
    with pytest.raises(BadMessage):
        unpack(json.loads(json.dumps(packed)))


@pytest.mark.parametrize("title", CASES)
def test_a_right_answer_is_right_after_the_way_to_the_grader(title, monkeypatch):
    monkeypatch.setattr(start_here, "paired_difference", DIFFERENCES.__getitem__)
    case = CASES[title]()
    for answer in case.right:
        assert case.ask(there(answer)).right, answer


def there(answer):
    """As the grader gets it; of a function what it returns."""

    def called(*arguments):
        return unpack(pack(answer(*unpack(pack(arguments)))))

    return unpack(json.loads(json.dumps(pack(answer))), lambda: called)
