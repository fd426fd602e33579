"""Label files byte by byte as other programs wrote them; nothing in them runs, and junk is refused in our words."""

import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdw.data.dataset import Dataset
from gdw.data.human_labels import human_labels, label_sets, parse, plain_load, whole_numbers

CLEAN = np.array([2, 0, 1, 0, 2, 1])  # the published order: classes mixed
WORSE = np.array([2, 1, 1, 0, 0, 1])
IN_FOLDER = [1, 0, 1, 1, 2, 0]  # WORSE, class by class
PATHS = tuple(f"train/{name}/{place}.jpg" for name in ("a", "b", "c") for place in range(2))
FOLDER = Dataset("f", ("a", "b", "c"), torch.zeros(6, 1), torch.tensor([0, 0, 1, 1, 2, 2]), paths=PATHS)
MIXED = Dataset("m", ("a", "b", "c"), torch.zeros(6, 1), torch.from_numpy(CLEAN))


def by_numpy_1(content, protocol=2):
    """The pickle that numpy 1 wrote: the same bytes with its module's old name."""
    written = pickle.dumps(content, protocol)
    new, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    if protocol < 4:
        return written.replace(new, old)
    return pickle.dumps(content, 3).replace(new, old)


def published_pt(path, content):
    """An archive of torch 1.x with a dictionary of numpy 1 arrays: what CIFAR-10_human.pt is."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", by_numpy_1(content))
        archive.writestr("archive/version", "3\n")
    return path


def published_npy(path, content):
    """A dictionary that numpy 1 saved with allow_pickle."""
    with path.open("wb") as stream:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(by_numpy_1(np.array(content, dtype=object), 3))
    return path


@pytest.fixture(params=["pt", "npy", "pickle"])
def published(request, tmp_path):
    content = {"clean_label": CLEAN, "worse_label": WORSE}
    if request.param == "pt":
        return published_pt(tmp_path / "human.pt", content)
    if request.param == "npy":
        return published_npy(tmp_path / "human.npy", content)
    (tmp_path / "human.pkl").write_bytes(by_numpy_1(content))
    return tmp_path / "human.pkl"


def test_published_files_of_numpy_1_are_read(published):
    assert b"numpy.core.multiarray" in published.read_bytes()
    assert human_labels(f"human:{published}:worse_label", MIXED).tolist() == WORSE.tolist()


def test_a_folder_gets_each_class_in_its_own_order(published):
    assert human_labels(f"human:{published}", FOLDER).tolist() == IN_FOLDER


def test_coarse_labels_are_held_against_coarse_clean_ones(tmp_path):
    coarse = {"clean_coarse_label": CLEAN * 0, "noisy_coarse_label": CLEAN * 0}
    content = {"clean_label": CLEAN, "noisy_label": WORSE} | coarse
    path = published_pt(tmp_path / "human.pt", content)
    assert human_labels(f"human:{path}", MIXED).tolist() == WORSE.tolist()
    with pytest.raises(ValueError, match="is not this data set's"):
        human_labels(f"human:{path}:noisy_coarse_label", MIXED)


def test_a_folder_with_other_counts_is_refused_with_its_class_order(tmp_path):
    path = published_pt(tmp_path / "human.pt", {"clean_label": np.array([0, 0, 0, 1, 2, 2]), "worse_label": WORSE})
    with pytest.raises(ValueError, match=r"not this data set's: .*numbered 0 = a, 1 = b, 2 = c"):
        human_labels(f"human:{path}", FOLDER)


def test_numbers_are_announced_where_folders_could_be_counted_otherwise(tmp_path):
    data = Dataset("f", ("2", "9", "10"), torch.zeros(6, 1), FOLDER.labels, paths=PATHS)
    np.save(tmp_path / "labels.npy", WORSE)
    with pytest.warns(UserWarning, match=r"numbers of classes: .*0 = 2, 1 = 9, 2 = 10"):
        human_labels(f"human:{tmp_path / 'labels.npy'}", data)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("ending", ["npy", "npz", "pt", "pkl"])
def test_integers_of_every_type_and_byte_order(tmp_path, kind, order, ending):
    values, path = WORSE.astype(np.dtype(kind).newbyteorder(order)), tmp_path / f"labels.{ending}"
    if ending == "npy":
        np.save(path, values)
    elif ending == "npz":
        np.savez(path, label=values)
    elif ending == "pt":
        torch.save({"label": values}, path)
    else:
        path.write_bytes(pickle.dumps(values))
    assert human_labels(f"human:{path}", MIXED).tolist() == WORSE.tolist()


def test_torchs_files_from_before_its_archives(tmp_path):
    torch.save({"label": torch.from_numpy(WORSE)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert human_labels(f"human:{tmp_path / 'old.pt'}", MIXED).tolist() == WORSE.tolist()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "holds no labels: the file is empty"),
        (b"\n<!DOCTYPE html><html>", "holds no labels: the file is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "holds no labels: the file is a Git LFS pointer"),
        (b"0\n1\n2\n", "does not hold plain arrays of labels"),
        (b"PK\x03\x04 cut off", "does not hold plain arrays of labels"),
        (b"\x93NUMPY\x01\x00", "does not hold plain arrays of labels"),
    ],
)
@pytest.mark.parametrize("ending", ["pt", "npy", "npz", "txt", "pkl"])
def test_the_true_cause_is_told(tmp_path, content, cause, ending):
    path = tmp_path / f"labels.{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"labels.{ending} {cause}"):
        human_labels(f"human:{path}", MIXED)


def test_a_folder_and_a_pipe_are_no_files_of_labels(tmp_path):
    with pytest.raises(ValueError, match="is a folder, not a file of labels"):
        human_labels(f"human:{tmp_path}", MIXED)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.pt")
        with pytest.raises(ValueError, match="is a pipe or a device, not a file of labels"):
            human_labels(f"human:{tmp_path / 'pipe.pt'}", MIXED)


class Evil:
    """What unpickling would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_runs(tmp_path, protocol):
    proof = tmp_path / "ran"
    with pytest.raises(pickle.UnpicklingError, match=r"(posix|nt).mkdir is not a plain array"):
        plain_load(pickle.dumps({"label": Evil(proof)}, protocol))
    path = tmp_path / "labels.npy"
    np.save(path, np.array({"label": WORSE, "more": Evil(proof)}, dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="does not hold plain arrays"):
        human_labels(f"human:{path}", MIXED)
    assert not proof.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cnumpy\nload\n.", b"cnumpy.core.multiarray\nfromfile\n.", b"cbuiltins\neval\n.", b"cnumpy\ndtype.__init__\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.data\x93.",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.",
    ],
)  # fmt: skip
def test_other_names_are_refused(program):
    with pytest.raises(pickle.UnpicklingError):
        plain_load(program)


def test_a_large_number_in_a_pickle_takes_no_memory():
    tracemalloc.start()
    try:
        assert plain_load(b"\x80\x02}r\x00\x00\x00\x01.") == {}  # "remember it as number 16,777,216"
        assert tracemalloc.get_traced_memory()[1] < 2**20  # a list of all numbers before it takes 2**28
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"i8", b"O8"), (b"i8", b"V8"), (b"i8", b"i9"), (b"<", b"x"), (b"NNNJ", b"NN(J"), (b"K\x06", b"K\x60"),
        (b"K\x03X", b"K\x09X"), (b"ndarray", b"dtype\n\n"),
    ],
)  # fmt: skip
def test_a_type_or_shape_that_does_not_fit_its_bytes_is_refused_or_read(before, after):
    content = by_numpy_1({"label": WORSE})
    assert before in content
    try:
        values = plain_load(content.replace(before, after, 1))["label"]
    except pickle.UnpicklingError:
        return
    assert values.tolist() == WORSE.tolist()


@given(content=st.binary(max_size=300), start=st.sampled_from([b"", b"\x80\x02", b"\x93NUMPY\x01\x00", b"PK\x03\x04"]))
def test_junk_is_refused_in_our_words(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "junk.pt"
    path.write_bytes(start + content)
    assert _refusal(lambda: [whole_numbers(values, path) for values in label_sets(path).values()], "junk.pt")


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_file_gives_labels_or_our_words(tmp_path_factory, place, value):
    stream = io.BytesIO()
    torch.save({"label": WORSE}, stream)
    for content in (by_numpy_1({"label": WORSE}), stream.getvalue()):
        path, changed = tmp_path_factory.getbasetemp() / "damaged.pt", bytearray(content)
        changed[place % len(changed)] = value
        path.write_bytes(changed)
        assert _refusal(lambda path=path: human_labels(f"human:{path}", MIXED), "damaged.pt")


def _refusal(function, name):
    """Whether it works, or ends in a ValueError that names the file; any other error goes on."""
    try:
        function()
    except ValueError as error:
        return name in str(error)
    return True


@pytest.mark.parametrize(
    ("noise", "path", "key"),
    [
        ("human:labels.pt", "labels.pt", None),
        ("human:a/labels.pt:worse_label", "a/labels.pt", "worse_label"),
        ("human:labels.csv:v1.5", "labels.csv", "v1.5"),
        ("human:labels.pt:", "labels.pt", None),
        (r"human:C:\data\labels.csv", r"C:\data\labels.csv", None),
        (r"human:C:\data\labels.csv:worse_label", r"C:\data\labels.csv", "worse_label"),
        ("human:C:/data/labels.csv:key", "C:/data/labels.csv", "key"),
        ("human:C:labels.csv", "C:labels.csv", None),
        ("human:run:1/labels.pt", "run:1/labels.pt", None),
        ("human:run:labels.csv.gz", "run:labels.csv.gz", None),
    ],
)
def test_paths_and_keys(noise, path, key):
    assert parse(noise) == (Path(path), key)


@pytest.mark.parametrize("noise", ["human:", "human: ", "human::key"])
def test_a_path_is_needed(noise):
    with pytest.raises(ValueError, match="human labels need a path"):
        parse(noise)


FILES = os.environ.get("GDW_TEST_HUMAN_LABELS")  # a folder with the authors' two files


@pytest.mark.skipif(not FILES, reason="GDW_TEST_HUMAN_LABELS names no folder with CIFAR-10_human.pt")
def test_the_authors_own_files():
    for name, key, wrong in (("CIFAR-10", "worse_label", 0.40208), ("CIFAR-100", "noisy_label", 0.402)):
        sets = label_sets(Path(FILES) / f"{name}_human.pt")
        clean, labels = (whole_numbers(sets[each], Path(name)) for each in ("clean_label", key))
        assert float((clean != labels).double().mean()) == pytest.approx(wrong, abs=1e-3)
        order = clean.argsort(stable=True)
        names = tuple(f"{label:03}" for label in range(int(clean.max()) + 1))
        paths = tuple(f"train/{names[label]}/{place}.jpg" for place, label in enumerate(clean[order]))
        data = Dataset(name, names, torch.zeros(len(clean), 1), clean[order], paths=paths)
        path = Path(FILES) / f"{name}_human.pt"
        assert torch.equal(human_labels(f"human:{path}:{key}", data), labels[order])
