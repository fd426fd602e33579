"""Folders as people have them: what is read, what is counted, and which folder is which split."""

import os
import socket

import pytest
from PIL import Image

from gdw.data.folder import list_folder, natural_key


def picture(path, kind=None, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (shade,) * 3).save(path, kind)
    return path


@pytest.fixture
def pets(tmp_path):
    for name in ("cat", "dog"):
        for place in range(2):
            picture(tmp_path / "pets" / name / f"{place}.png")
    return tmp_path / "pets"


def found(folder, split="train"):
    return [file.relative_to(folder).as_posix() for file in list_folder(folder).splits[split][0]]


PLAIN = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]


def test_nothing_passed_over_means_nothing_to_say(pets):
    assert found(pets) == PLAIN
    assert list_folder(pets).notes == ()
    (pets / "cat" / ".DS_Store").write_bytes(b"of a Mac")
    (pets / "Thumbs.db").write_bytes(b"of Windows")
    assert list_folder(pets).notes == ()


def test_hidden_names_are_passed_over_at_every_depth(pets):
    picture(pets / "cat" / ".ipynb_checkpoints" / "x.png")
    (pets / "cat" / "._000.png").write_bytes(b"of a Mac")
    for system in ("__MACOSX", "@eaDir", "cat/@eaDir/000.png", "$RECYCLE.BIN", "System Volume Information"):
        picture(pets / system / "SYNOPHOTO_THUMB_M.jpg")
    (pets / "dog" / "deep").mkdir()
    (pets / "dog" / "deep" / ".hidden.png").write_bytes(b"")
    assert found(pets) == PLAIN
    assert list_folder(pets).notes == ("passed over 8 as hidden (first: cat/._000.png)",)


@pytest.mark.parametrize(("name", "kind"), [("x.jfif", "JPEG"), ("x.jpe", "JPEG"), ("x", "PNG"), ("x.data", "GIF")])
def test_unusual_endings_are_read(pets, name, kind):
    picture(pets / "cat" / name, kind)
    assert f"cat/{name}" in found(pets)


def test_avif_is_read_where_pillow_can_and_else_named(pets):
    from PIL import features

    if features.check("avif"):
        picture(pets / "cat" / "x.avif")
        assert "cat/x.avif" in found(pets)
    (pets / "cat" / "y.heic2").write_bytes(b"\x00\x00\x00 ftypheix unknown here")
    assert "passed over 1 as not a picture that Pillow can open (first: cat/y.heic2)" in list_folder(pets).notes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_sockets_are_counted_and_never_opened(pets, monkeypatch):
    os.mkfifo(pets / "cat" / "pipe.png")
    monkeypatch.chdir(pets / "dog")  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("plug.png")
        assert found(pets) == PLAIN
    assert list_folder(pets).notes == ("passed over 2 as a pipe, socket or device (first: cat/pipe.png)",)


def link(path, target):
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system does not let us make links")


def test_linked_classes_are_read_and_loops_end(pets, tmp_path):
    picture(tmp_path / "elsewhere" / "7.png")
    picture(tmp_path / "more" / "8.png")
    link(pets / "emu", tmp_path / "elsewhere")
    link(pets / "cat" / "again", pets / "cat")
    link(pets / "dog" / "up", pets)
    link(pets / "dog" / "deep", tmp_path / "more")
    link(pets / "dog" / "gone.png", pets / "nowhere.png")
    looked = list_folder(pets)
    assert looked.class_names == ("cat", "dog", "emu")
    assert looked.splits["train"][1] == [0, 0, 1, 1, 1, 2]
    assert "passed over 1 as a link that leads nowhere (first: dog/gone.png)" in looked.notes
    assert "passed over 2 as a link to a folder that is read elsewhere (first: cat/again)" in looked.notes


def test_what_lies_beside_the_classes_is_counted(pets):
    (pets / "README").write_text("about pets")
    assert list_folder(pets).notes == ("passed over 1 as outside the class folders (first: README)",)


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING"])
@pytest.mark.parametrize("validation", ["val", "Valid", "validation"])
@pytest.mark.parametrize("test", ["test", "Testing"])
def test_splits_by_their_usual_names(tmp_path, train, validation, test):
    for split in (train, validation, test):
        for name in ("cat", "dog"):
            picture(tmp_path / split / name / "1.png")
    picture(tmp_path / "extra" / "1.png")
    looked = list_folder(tmp_path)
    assert list(looked.splits) == ["train", "validation", "test"]
    assert found(tmp_path, "validation") == [f"{validation}/cat/1.png", f"{validation}/dog/1.png"]
    assert looked.notes == ("passed over 1 as a folder beside the splits (first: extra)",)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["test/cat", "test/dog", "val/cat", "val/dog"], "has val and test, but no folder train"),
        (["train/cat", "train/dog", "Training/cat", "Training/dog"], "Training and train are one split"),
        (["train", "test"], "train and test in .* must hold one folder of pictures for each class"),
        (["train/cat", "train/dog", "val/eel", "val/emu"], "train and val have no class in common"),
    ],
)
def test_splits_that_are_none(tmp_path, folders, message):
    if "Training/cat" in folders and (tmp_path / "A").mkdir() is None and (tmp_path / "a").exists():
        pytest.skip("this disk does not tell upper from lower case")
    for folder in folders:
        picture(tmp_path / folder / "1.png")
    with pytest.raises(ValueError, match=message):
        list_folder(tmp_path)


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "car"):
        picture(tmp_path / name / "1.png")
    assert list_folder(tmp_path).class_names == ("car", "train")


def test_a_split_that_is_a_link_to_another_is_not_read_twice(tmp_path):
    for name in ("cat", "dog"):
        picture(tmp_path / "train" / name / "1.png")
    link(tmp_path / "test", tmp_path / "train")
    with pytest.raises(ValueError, match="has no class with a picture.*read elsewhere"):
        list_folder(tmp_path)


def test_classes_are_in_natural_order(tmp_path):
    for name in ("10", "9", "2", "b10", "b9"):
        picture(tmp_path / name / "1.png")
    assert list_folder(tmp_path).class_names == ("2", "9", "10", "b9", "b10")
    words = ["zebra", "Ant", "ant-hill", "ant", "a_b", "a b", "éclair"]
    assert sorted(words, key=natural_key) == sorted(words)
