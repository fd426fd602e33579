"""Decoded pictures on disk: found again, decoded again when a file has changed, whatever the disk does."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gdw import cache
from gdw.data.datasets import load_dataset
from gdw.data.folder import load_table
from gdw.pictures import decoding as pictures
from gdw.pictures.decoding import PictureFiles
from tests.pictures.test_picture import write_dicom

COUNT = 6


@pytest.fixture
def decoded(monkeypatch, tmp_path):
    """How many pictures were decoded; small and fresh folders are kept too."""
    monkeypatch.setattr(pictures, "FEWEST", COUNT)
    monkeypatch.setattr(cache, "SETTLED", -60.0)
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "cache"))
    counted, own = [], pictures._decode_all

    def counting(files, *given, **named):
        counted.append(len(files))
        return own(files, *given, **named)

    monkeypatch.setattr(pictures, "_decode_all", counting)
    return counted


@pytest.fixture
def pets(tmp_path):
    for place in range(COUNT):
        file = tmp_path / "pets" / ("cat", "dog")[place % 2] / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (10 * place, 0, 0)).save(file)
    return tmp_path / "pets"


def shades(data):
    return sorted(data.images[:, 0, 0, 0].tolist())


def kept_file(tmp_path):
    (file,) = (tmp_path / "cache" / "pictures").iterdir()
    return file


def test_a_second_start_decodes_nothing(pets, decoded):
    first, second = load_dataset(pets), load_dataset(pets)
    assert decoded == [COUNT]
    assert torch.equal(first.images, second.images)
    assert second.images.dtype == torch.uint8
    assert first.paths == second.paths


@pytest.mark.filterwarnings("ignore:.*passed over 1 broken pictures")
def test_a_second_start_knows_the_broken_pictures(pets, decoded):
    (pets / "cat" / "bad.png").write_bytes(b"junk")
    first, second = load_dataset(pets), load_dataset(pets)
    assert decoded == [COUNT + 1]
    assert torch.equal(first.images, second.images)
    assert len(second.images) == COUNT
    assert first.paths == second.paths
    assert first.notes == second.notes


@pytest.mark.filterwarnings("ignore:.*passed over 1 broken pictures")
def test_broken_pictures_are_read_once_there_is_a_decoder(pets, decoded, monkeypatch):
    write_dicom(pets / "cat" / "scan.dcm", np.arange(64, dtype=np.uint8), PhotometricInterpretation="MONOCHROME2",
                Rows=8, Columns=8)  # fmt: skip
    with monkeypatch.context() as without:
        without.setattr("gdw.errors.find_spec", lambda _: None)
        assert len(load_dataset(pets).images) == COUNT
    assert len(load_dataset(pets).images) == len(load_dataset(pets).images) == COUNT + 1
    assert decoded == [COUNT + 1] * 2


@pytest.mark.parametrize("package", ["PIL", "pydicom"])
def test_another_decoder_is_another_picture(pets, package, monkeypatch):
    files = PictureFiles([pets / "cat" / "0.png"], (8, 8))
    pictures._decoders.cache_clear()
    before = files.stamp(0)
    pictures._decoders.cache_clear()
    if package == "PIL":
        monkeypatch.setattr("PIL.__version__", "99")
    else:
        monkeypatch.setattr("importlib.metadata.version", lambda _: "99")
    assert files.stamp(0) != before
    pictures._decoders.cache_clear()


def test_a_changed_picture_is_seen_even_with_its_old_time_and_size(pets, decoded):
    load_dataset(pets)
    file = pets / "cat" / "0.png"
    before = file.stat()
    Image.new("RGB", (8, 8), (200, 0, 0)).save(file)
    content = file.read_bytes() + b"\0" * max(0, before.st_size - file.stat().st_size)
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shades(load_dataset(pets)) == [10, 20, 30, 40, 50, 200]


def test_a_new_a_lost_and_a_renamed_picture_are_seen(pets, decoded):
    load_dataset(pets)
    Image.new("RGB", (8, 8), (240, 0, 0)).save(pets / "cat" / "new.png")
    assert shades(load_dataset(pets))[-1] == 240
    (pets / "cat" / "0.png").unlink()
    assert shades(load_dataset(pets)) == [10, 20, 30, 40, 50, 240]
    (pets / "cat" / "2.png").rename(pets / "dog" / "2.png")
    assert load_dataset(pets).labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert decoded == [COUNT, COUNT + 1, COUNT, COUNT]


def test_each_size_is_kept_by_itself_and_a_folder_has_one_file_for_it(pets, decoded, tmp_path):
    assert load_dataset(pets, image_size=4).images.shape[2:] == (4, 4)
    assert load_dataset(pets).images.shape[2:] == (8, 8)
    assert load_dataset(pets, image_size=4).images.shape[2:] == (4, 4)
    assert decoded == [COUNT, COUNT]
    Image.new("RGB", (8, 8), (240, 0, 0)).save(pets / "cat" / "0.png")
    load_dataset(pets), load_dataset(pets, image_size=4)
    assert len(list((tmp_path / "cache" / "pictures").iterdir())) == 2


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-5], lambda content: content[:-1] + b"\x07", lambda content: b"junk"]
)
def test_a_damaged_file_costs_time_and_a_warning(pets, decoded, tmp_path, damage):
    first = load_dataset(pets)
    file = kept_file(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match="is damaged; it is removed"):
        second = load_dataset(pets)
    assert torch.equal(first.images, second.images)
    load_dataset(pets)
    assert decoded == [COUNT, COUNT]


def test_a_full_disk_costs_time_and_a_warning(pets, decoded, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match=r"cannot be kept .*No space left"):
        assert shades(load_dataset(pets)) == [0, 10, 20, 30, 40, 50]
    assert not list((tmp_path / "cache" / "pictures").iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that its user cannot write to")
def test_a_folder_that_cannot_be_written_costs_time_and_a_warning(pets, decoded, tmp_path):
    (tmp_path / "cache").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    with pytest.warns(UserWarning, match="cannot be kept"):
        load_dataset(pets)


def test_few_pictures_and_pictures_that_just_changed_are_not_kept(pets, decoded, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SETTLED", 60.0)
    load_dataset(pets)
    monkeypatch.setattr(pictures, "FEWEST", COUNT + 1)
    monkeypatch.setattr(cache, "SETTLED", -60.0)
    load_dataset(pets)
    assert not (tmp_path / "cache" / "pictures").exists()


def test_a_user_without_a_home_keeps_nothing(pets, decoded, monkeypatch):
    monkeypatch.setattr(pictures, "cache_folder", lambda: None)
    load_dataset(pets), load_dataset(pets)
    assert decoded == [COUNT, COUNT]


def test_any_file_name_is_kept(pets, decoded):
    name = os.fsdecode(b"\xff\xe9.png")
    try:
        (pets / "cat" / "0.png").rename(pets / "cat" / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    load_dataset(pets), load_dataset(pets)
    assert decoded == [COUNT]


def test_what_was_read_outlives_the_file(pets, decoded, tmp_path):
    load_dataset(pets)
    second = load_dataset(pets)
    file = kept_file(tmp_path)
    with file.open("r+b") as content:
        content.truncate(10)
    assert shades(second) == [0, 10, 20, 30, 40, 50]


def test_a_table_and_its_folder_are_kept_side_by_side(pets, decoded, tmp_path):
    table = tmp_path / "labels.csv"
    lines = [f"{('cat', 'dog')[place % 2]}/{place}.png,{place % 2}" for place in range(COUNT)]
    table.write_text("\n".join(["path,label", *lines]) + "\n", "utf-8")
    for _ in range(2):
        load_dataset(pets), load_table(pets, table)
    assert decoded == [COUNT, COUNT]


def test_where_things_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("GDW_CACHE", str(tmp_path))
    assert cache.cache_folder() == tmp_path
    assert cache.cache_folder(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("GDW_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache.cache_folder() == tmp_path / "home" / ".cache" / "gdw" / "features"
