"""One seed, many streams: each depends on the seed and on its own name alone."""

import ast
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

import gdw
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


DRAWS = {
    "rand", "randn", "randint", "randperm", "multinomial", "bernoulli", "normal", "poisson", "uniform_", "normal_",
    "random_", "exponential_", "bernoulli_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "trunc_normal_",
}  # fmt: skip
SOURCES = sorted(Path(gdw.__file__).parent.rglob("*.py"))


def calls(path):
    """Every call in a file, as (name of the function, names of keyword arguments, number of other arguments)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            yield name, {keyword.arg for keyword in node.keywords}, len(node.args)


def test_every_random_number_of_the_package_comes_from_a_generator_on_the_cpu():
    """None says where: a generator without a device is on the CPU, and draws nowhere else."""
    seen = set()
    for path in SOURCES:
        for name, named, others in calls(path):
            if name == "Generator" and path.name != "outputs.py":  # there: torch's own, for a network of one's own
                assert (named, others) == (set(), 0), f"{path.name}: a Generator with a device"
            if name == "generator":
                assert (named, others) == (set(), 2), f"{path.name}: a generator with a device"
            if name in DRAWS:
                seen.add(name)
                assert named & {"generator", "device"} == {"generator"}, f"{path.name}: {name} draws elsewhere"
    assert {"randint", "randperm", "randn", "kaiming_uniform_"} <= seen
