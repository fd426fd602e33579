"""Any command line, folder of pictures, features cache and noise matrix: a result, or one sentence of ours.

The short form of each; ``GDW_FUZZ`` sets the number of examples for a longer one.
"""

import io
import os
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import gdw
from gdw import __main__ as command_line
from gdw.cache import KEY_BYTES
from gdw.data.corruption import corrupt_labels, transition_matrix
from gdw.data.dataset import Dataset
from gdw.experiments.fields import FIELDS
from gdw.pictures.feature_store import FeatureStore
from tests.fuzz import outcome, values

EXAMPLES = int(os.environ.get("GDW_FUZZ", "60"))
short = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])

FLAGS = sorted(
    {f"--{name.replace('_', '-')}" for name in FIELDS}
    | {"--method", "--seeds", "--first-seed", "--set", "--plugin", "--no-augment", "--seeds-at-once", "--help"}
)
WORDS = st.sampled_from(["gdw", "mwnet", "digits", "step_size=1", "gdw.clip=x", "[[1,0],[0,1]]", "0.5", "3", "-1"])
arguments = st.lists(
    st.sampled_from(FLAGS) | WORDS | st.text(max_size=6) | st.integers(-3, 40).map(str) | st.floats().map(str),
    max_size=8,
)


@short
@given(arguments)
def test_a_command_line_gives_experiments_or_one_sentence(monkeypatch, given_arguments):
    found = []
    monkeypatch.setattr(command_line, "run_command", lambda options: found.append(command_line.experiments_of(options)))
    errors = io.StringIO()
    with redirect_stderr(errors), redirect_stdout(io.StringIO()):
        try:
            status = command_line.main(["run", *given_arguments])
        except SystemExit as end:  # argparse's own refusals and --help
            status = end.code
    if found:
        assert all(isinstance(experiment, gdw.Experiment) for experiment in found[0])
    else:
        assert status == 2 or "--help" in given_arguments or any(word.startswith("--h") for word in given_arguments)
        assert status == 0 or "gdw" in errors.getvalue()
    assert "Traceback" not in errors.getvalue()


def encoded(kind, shade=90, size=(3, 3)):
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(stream, kind)
    return stream.getvalue()


PICTURES = [encoded("PNG"), encoded("JPEG"), encoded("BMP", size=(2, 4)), encoded("PNG", 3, (1, 1))]
cut = st.tuples(st.sampled_from(PICTURES), st.integers(1, 60)).map(lambda drawn: drawn[0][: -drawn[1]])
files = st.sampled_from(PICTURES) | st.sampled_from(PICTURES) | cut | st.binary(max_size=40)
folders = st.sampled_from(["train", "val", "Test", "cat", "dog", "2", "10", ".hidden", "__MACOSX", "a b"])
names = st.sampled_from(["1.png", "2.jpg", "x.bmp", "noend", "labels.csv", "._1.png", "Thumbs.db"])
trees = st.dictionaries(
    st.tuples(names) | st.tuples(folders, names) | st.tuples(folders, folders, names), files, max_size=8
)
good_trees = trees.map(lambda tree: {("cat", "1.png"): PICTURES[0], ("dog", "1.png"): PICTURES[1]} | tree)


@short
@given(trees | good_trees, st.sampled_from([None, 1, 4]))
def test_a_folder_of_pictures_is_a_data_set_or_one_sentence(tree, image_size):
    with tempfile.TemporaryDirectory() as parent, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is passed over, and Pillow's own
        folder = Path(parent) / "pictures"
        folder.mkdir()
        for parts, content in tree.items():
            path = folder.joinpath(*parts)
            with suppress(FileExistsError):  # on a system where names differ by case alone
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        data, message = outcome(lambda: gdw.load_dataset(folder, image_size=image_size))
    if data is None:
        assert "pictures" in message
    else:
        assert isinstance(data, Dataset)
        assert len(data.images) == len(data.labels) == len(data.paths)
        assert set(data.labels.tolist()) == set(range(len(data.class_names)))
        assert all((".hidden" not in path) and ("__MACOSX" not in path) for path in data.paths)


KEYS = [bytes([place]) * KEY_BYTES for place in range(3)]
FEATURES = torch.arange(12, dtype=torch.float32).view(3, 4)


@pytest.fixture(scope="module")
def cache_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    FeatureStore(folder).add(KEYS, FEATURES)
    return {path: path.read_bytes() for path in folder.iterdir()}


@short
@given(
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 2000), junk=st.none() | st.binary(max_size=60), which=st.integers(0, 1),
)  # fmt: skip
def test_a_damaged_cache_gives_the_right_features_or_none(cache_file, changes, length, junk, which):
    for file, written in cache_file.items():
        file.write_bytes(written)
    path, whole = sorted(cache_file.items())[which]
    content = bytearray(whole)
    for place, value in changes:
        content[place % len(content)] = value
    content = content[:length] if junk is None else junk
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # damaged rows are computed again
        store = FeatureStore(path.parent)
        found = {key: row for key in KEYS if (row := store.row(key)) is not None}
    assert all(torch.equal(torch.from_numpy(store.matrix[row].copy()), FEATURES[KEYS.index(key)])
               for key, row in found.items())  # fmt: skip
    if bytes(content) == whole:
        assert len(found) == len(KEYS)


numbers = st.floats() | st.integers(-2, 3) | st.sampled_from([0.0, 0.5, 1.0])
squares = st.integers(0, 4).flatmap(
    lambda side: st.lists(st.lists(numbers, min_size=side, max_size=side), min_size=side, max_size=side)
)
stochastic = st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=3, max_size=3).map(
    lambda rows: [[value / sum(row) for value in row] for row in rows]
)
arrays = squares.map(lambda rows: np.array(rows, dtype=float)) | stochastic.map(np.array)
tensors = squares.map(torch.tensor) | stochastic.map(torch.tensor)


@short
@given(squares | stochastic | arrays | tensors | values, st.integers(0, 2**31))
def test_a_noise_matrix_is_taken_or_refused_in_words(matrix, seed):
    random = torch.Generator().manual_seed(seed)
    taken, _ = outcome(lambda: transition_matrix(matrix, 0.4, 3, random))
    labels = torch.tensor([0, 1, 2, 2])
    if taken is not None:
        assert taken.shape == (3, 3)
        torch.testing.assert_close(taken.sum(1), torch.ones(3, dtype=torch.float64), atol=1e-4, rtol=0)
    observed, _ = outcome(lambda: corrupt_labels(labels, matrix, random))
    if observed is not None:
        assert observed.shape == labels.shape
        assert ((observed >= 0) & (observed < len(matrix))).all()
