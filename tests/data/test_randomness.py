"""One seed, many streams: each depends on the seed and on its own name alone."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from gdw.data.randomness import generator


def draws(seed, name):
    return torch.rand(4, generator=generator(seed, name)).tolist()


@given(seed=st.integers(-(2**70), 2**70))
def test_a_stream_is_repeatable_for_any_integer(seed):
    assert draws(seed, "noise") == draws(seed, "noise")


def test_names_and_seeds_give_different_streams():
    streams = {tuple(draws(seed, name)) for seed in range(20) for name in ("split", "noise", "imbalance")}
    assert len(streams) == 60


def test_the_numbers_stay_those_of_this_release():
    assert generator(0, "split").initial_seed() == 0x3451854FC583B385


def test_torch_global_state_is_left_alone():
    before = torch.get_rng_state()
    draws(0, "split")
    assert torch.equal(before, torch.get_rng_state())
