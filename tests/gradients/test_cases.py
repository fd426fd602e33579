"""Every exact way to take the meta gradient, on every case: the textbook's number, or a sentence of ours."""

import warnings
from dataclasses import replace

import pytest
import torch

from gdw.gradients.agreement import PassesDiffer
from gdw.gradients.meta import NoMetaGradient
from gdw.gradients.step import DERIVATIVES
from tests.awkward import Checkpointed
from tests.gradients.cases import CASES, some_weights, taken, textbook

EXACT = ("auto", "forward", "reuse", "double-backward")
OURS = (NoMetaGradient, PassesDiffer, TypeError)


def oracle(name):
    """A checkpointed layer computes itself again with whatever parameters it holds: the textbook goes without."""
    case = CASES[name]
    if "checkpointing" in name:
        case = replace(case, build=lambda: Plain(use_reentrant=False))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return textbook(case, some_weights())


class Plain(Checkpointed):
    def between(self, x):
        return self.middle(x).tanh()


def test_the_list_of_exact_ways_is_complete():
    approximations = {"no-virtual-step", "finite-difference", "first-order", "last-layer"}
    assert set(EXACT) | approximations == set(DERIVATIVES)


@pytest.mark.parametrize("way", [*EXACT, "save_memory"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*no forward-mode derivative", "ignore:.*weight_norm.*deprecated")
def test_the_textbooks_number_or_a_sentence(name, way):
    case = CASES[name]
    if way in case.refused:
        with pytest.raises(OURS, match=case.refused[way]):
            taken(case, way, some_weights())
        return
    expected = oracle(name)
    assert expected.abs().max() > 0
    torch.testing.assert_close(taken(case, way, some_weights()), expected, rtol=1e-9, atol=1e-15)
