"""Batches: endless shuffled passes of equal batches."""

from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdw.data.batches import fetched, index_batches


@given(count=st.integers(1, 40), data=st.data())
def test_each_pass_shows_an_image_at_most_once_in_full_batches(count, data):
    size = data.draw(st.integers(1, count))
    batches = index_batches(count, size, torch.Generator().manual_seed(0))
    for _ in range(3):
        seen = list(islice(batches, count // size))
        assert all(len(batch) == size for batch in seen)
        indices = torch.cat(seen).tolist()
        assert len(set(indices)) == len(indices)
        assert set(indices) <= set(range(count))


def test_passes_differ_and_the_seed_decides():
    first, second, again = (
        list(islice(index_batches(50, 50, torch.Generator().manual_seed(seed)), 2)) for seed in (0, 1, 0)
    )
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], second[0])
    assert torch.equal(torch.cat(first), torch.cat(again))


@pytest.mark.parametrize(
    ("size", "message"), [(11, "batch_size 11 is larger than the data: only 10 images"), (0, "at least 1, got 0")]
)
def test_an_impossible_batch_is_refused_at_the_call(size, message):
    with pytest.raises(ValueError, match=message):
        index_batches(10, size, torch.Generator())


def test_a_process_that_may_start_none_gathers_them_itself(monkeypatch):
    monkeypatch.setattr("gdw.data.batches.current_process", lambda: SimpleNamespace(daemon=True))
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", lambda process: pytest.fail("it started one"))
    images = torch.arange(12.0)[:, None]
    chosen, batch = next(fetched(images, iter([torch.tensor([3, 5])]), torch.device("cpu"), workers=2))
    assert torch.equal(batch, images[chosen])
