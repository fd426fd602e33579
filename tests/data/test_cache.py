"""The cache by itself: what comes back was written by it, whatever happened to the file or the disk meanwhile."""

import errno
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gdw import cache
from gdw.cache import Cache, as_table, checksum, content_of_files, from_table

VALUES = torch.arange(6).view(2, 3)


@pytest.fixture
def files(monkeypatch, tmp_path):
    """A folder of three files that count as written long ago, and a cache of its own."""
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "SETTLED", -60.0)
    (tmp_path / "set").mkdir()
    for place in range(3):
        (tmp_path / "set" / f"{place}.txt").write_text(f"file {place}", "utf-8")
    return tmp_path / "set"


def content(folder):
    return content_of_files(folder, folder.iterdir())


def test_what_was_written_comes_back_and_says_what_it_was_made_from(tmp_path):
    Cache(tmp_path, "sums", "numbers").save("one", "1 to 6", values=VALUES)
    again = Cache(tmp_path, "sums", "numbers")
    made_from, found = again.load("one", "values")
    assert made_from == "1 to 6"
    assert torch.equal(found["values"], VALUES)
    assert again.load("one", "values", made_from="2 to 7") is None
    assert again.load("two", "values") is None


def test_a_cache_without_a_folder_keeps_nothing():
    nowhere = Cache(None, "sums", "numbers")
    nowhere.save("one", "1 to 6", values=VALUES)
    assert nowhere.load("one", "values") is None


def test_keys_survive_being_a_tensor():
    keys = [bytes(range(place, place + 16)) for place in range(3)]
    assert from_table(as_table(keys)) == keys
    assert from_table(as_table([])) == []


def test_pictures_that_version_02_kept_are_decoded_again_without_a_word(tmp_path):
    old = {"stamp": "of version 0.2", "checksum": checksum(VALUES)}
    save_file({"pictures": VALUES}, tmp_path / "old.safetensors", old)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Cache(tmp_path, "decoded pictures", "stamp").load("old", "pictures", made_from="of today") is None


def test_the_content_of_files_is_that_of_their_bytes_and_relative_paths(files, tmp_path):
    first = content(files)
    assert content(files) == content(shutil.copytree(files, tmp_path / "copy")) == first
    (files / "0.txt").rename(files / "3.txt")
    renamed = content(files)
    (files / "3.txt").write_text("file 9", "utf-8")
    assert len({first, renamed, content(files)}) == 3


@pytest.mark.parametrize("harm", [lambda whole: whole[:-5], lambda whole: whole[:-1] + b"\x07", lambda whole: b"junk"])
def test_damaged_hashes_cost_a_warning_and_never_an_answer(files, tmp_path, harm):
    first = content(files)
    (kept,) = (tmp_path / "cache" / "contents").iterdir()
    kept.write_bytes(harm(kept.read_bytes()))
    with pytest.warns(UserWarning, match="is damaged; it is removed and its hashes of files are computed again"):
        assert content(files) == first


def test_a_full_disk_costs_a_warning(files, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    first = content(files)
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match=r"hashes of files cannot be kept .*No space left"):
        assert content(files) == first
    assert not list((tmp_path / "cache" / "contents").iterdir())
