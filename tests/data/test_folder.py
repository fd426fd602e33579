"""Image folders made on the spot: what is read, and what is said of one that cannot be."""

import struct

import numpy as np
import pytest
import torch
from PIL import Image

from gdw.data import folder as folder_module
from gdw.data.datasets import load_dataset
from gdw.data.task import make_task
from gdw.experiments.experiment import Experiment
from gdw.experiments.loading import dataset_of
from gdw.pictures import decoding as pictures_module
from gdw.pictures.on_disk import OnDisk
from gdw.pictures.pretrained import LITE0


def picture(path, shade=0, size=(16, 16), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade if mode in "L" else (shade,) * len(mode)).save(path)


KINDS = [("png", "L"), ("png", "RGBA"), ("bmp", "RGB"), ("jpg", "L"), ("gif", "L")]


@pytest.fixture
def pets(tmp_path):
    for label, name in enumerate(("cat", "dog")):
        for place in range(4):
            picture(tmp_path / "pets" / name / f"{place}.png", shade=100 * label + place)
    return tmp_path / "pets"


def test_classes_are_the_folders_and_pixels_the_files(pets):
    (pets / "cat" / "notes.txt").write_text("no picture")
    (pets / ".hidden").mkdir()
    with pytest.warns(UserWarning, match=r"as hidden \(first: .hidden\); .* picture .*first: cat/notes.txt") as said:
        data = load_dataset(pets)
    assert len(said) == 1
    assert len(data.notes) == 2
    assert data.paths[0] == "cat/0.png"
    assert (data.name, data.class_names) == ("pets", ("cat", "dog"))
    assert data.images.shape == (8, 3, 16, 16)
    assert data.images.dtype == torch.uint8
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 100, 101, 102, 103]
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.test_images is None


def test_pixels_are_those_of_the_training_pictures(tmp_path):
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            shades = random.integers(0, 256 if split == "train" else 20, (24, 16, 3), dtype=np.uint8)
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(shades).save(tmp_path / split / name / "a.png")
    data = load_dataset(str(tmp_path))
    assert data.images.shape == data.test_images.shape == (2, 3, 24, 16)
    values = data.pixels.normalise(data.images, torch.float64)
    zero, one = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    torch.testing.assert_close(values.mean((0, 2, 3)), zero, atol=1e-12, rtol=0)
    torch.testing.assert_close(values.std((0, 2, 3), correction=0), one, atol=1e-12, rtol=0)
    assert (data.pixels.pad, data.pixels.flip) == (2, True)


def test_a_channel_of_one_shade_does_not_divide_by_zero(tmp_path):
    picture(tmp_path / "a" / "1.png", 7)
    picture(tmp_path / "b" / "1.png", 7)
    assert load_dataset(tmp_path).pixels.std == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("ending", "mode"), KINDS)
def test_every_kind_becomes_colour(pets, ending, mode):
    picture(pets / "dog" / f"other.{ending}", 50, mode=mode)
    data = load_dataset(pets)
    assert data.images.shape == (9, 3, 16, 16)
    seen = 50 if mode != "RGBA" else round((50 * 50 + 255 * 205) / 255)  # through it the white background shows
    assert data.images[-1].unique().tolist() == [seen]


def test_several_sizes_become_one(pets):
    picture(pets / "dog" / "wide.png", 50, size=(64, 16))
    with pytest.warns(UserWarning, match="several sizes, up to 64 pixels, are read at 32 x 32: image_size"):
        assert load_dataset(pets).images.shape == (9, 3, 32, 32)
    assert load_dataset(pets, image_size=8).images.shape == (9, 3, 8, 8)


def test_a_late_picture_of_another_size_is_noticed(pets, monkeypatch):
    monkeypatch.setattr(pictures_module, "PEEK", 1)
    picture(pets / "dog" / "wide.png", 50, size=(64, 16))
    found = load_dataset(pets).images
    assert found.shape == (9, 3, 16, 16)
    monkeypatch.setattr(pictures_module, "memory_for_images", lambda: 0)  # as where there is no memory for them
    assert torch.equal(load_dataset(pets).images.in_memory(), found)


def test_the_middle_of_a_wide_picture_is_kept(tmp_path):
    shades = np.zeros((10, 30, 3), np.uint8)
    shades[:, 10:20] = 255
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(shades).save(tmp_path / name / "1.png")
    assert load_dataset(tmp_path, image_size=10).images.unique().tolist() == [255]


def test_a_camera_turned_on_its_side(pets, tmp_path):
    shades = np.zeros((16, 16, 3), np.uint8)
    shades[:8] = 255  # bright above in the file, bright to the right as it was seen
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(shades).save(pets / "cat" / "0.jpg", exif=exif, quality=95)
    for data in (load_dataset(pets), load_dataset(pets, image_size=16)):
        first = data.images[0, 0].float()
        assert first[:, 8:].mean() > 250
        assert first[:, :8].mean() < 5


def test_more_pictures_than_one_thread_takes_stay_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures_module, "BATCH", 3)
    for place in range(20):
        picture(tmp_path / "ab"[place // 10] / f"{place:02}.png", place, size=(4, 4))
    assert load_dataset(tmp_path).images[:, 0, 0, 0].tolist() == list(range(20))


@pytest.mark.parametrize("image_size", [None, 8])
@pytest.mark.parametrize("harm", ["cut", "empty", "text"])
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_broken_picture_is_named_and_put_aside(pets, ending, harm, image_size):
    broken = pets / "cat" / f"zebra.{ending}"
    picture(broken, 9)
    stored = broken.read_bytes()
    broken.write_bytes({"cut": stored[: len(stored) * 2 // 3], "empty": b"", "text": b"not a picture"}[harm])
    with pytest.warns(UserWarning, match=rf"passed over 1 broken pictures: .*zebra\.{ending}"):
        data = load_dataset(pets, image_size=image_size)
    assert len(data.images) == len(data.labels) == len(data.paths) > 1
    assert not any("zebra" in path for path in data.paths)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole(pets, progressive):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = pets / "cat" / "noise.jpg"
    Image.fromarray(noise).save(file, progressive=progressive)
    whole, stored = pictures_module.read_picture(file), file.read_bytes()
    assert stored.endswith(b"\xff\xd9")
    file.write_bytes(stored[:-2])
    np.testing.assert_array_equal(pictures_module.read_picture(file), whole)
    scans = [place for place in range(len(stored) - 1) if stored[place] == 0xFF and stored[place + 1] in (0xC4, 0xDA)]
    for end in (len(stored) - 40, *(place for place in scans[2:] if progressive)):
        file.write_bytes(stored[:end])
        with pytest.raises(pictures_module.BrokenPictureError, match="noise.jpg"):
            pictures_module.read_picture(file)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_the_size_of_a_turned_picture_is_that_of_its_pixels(tmp_path, ending, orientation):
    shades = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    exif = Image.Exif()
    exif[pictures_module.ORIENTATION] = orientation
    Image.fromarray(shades).save(tmp_path / f"a.{ending}", exif=exif)
    (size,) = pictures_module.sizes_of([tmp_path / f"a.{ending}"])
    assert size == pictures_module.read_picture(tmp_path / f"a.{ending}").shape[:2]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_whose_0_is_white_is_no_negative(tmp_path, kind):
    largest = np.iinfo(kind).max
    shades = np.linspace(0, largest, 48).astype(kind).reshape(6, 8)
    for name, values, white_is_0 in (("usual", shades, 1), ("negative", largest - shades, 0)):
        file = tmp_path / f"{name}.tif"
        Image.fromarray(values).save(file)
        if not white_is_0:  # the tag, as it stands in the file's directory: short, one value
            stored, tag = file.read_bytes(), struct.pack("<HHI", pictures_module.PHOTOMETRIC, 3, 1)
            at = stored.index(tag) + len(tag)
            file.write_bytes(stored[:at] + bytes(2) + stored[at + 2 :])
    usual, negative = (pictures_module.read_picture(tmp_path / f"{name}.tif") for name in ("usual", "negative"))
    with Image.open(tmp_path / "negative.tif") as stored:
        assert stored.tag_v2[pictures_module.PHOTOMETRIC] == 0
    np.testing.assert_array_equal(usual, negative)


def test_a_folder_that_is_no_data_set(pets, tmp_path):
    with pytest.raises(ValueError, match="has only one class, pets"):
        load_dataset(tmp_path)
    (tmp_path / "void").mkdir()
    with pytest.raises(ValueError, match="void is empty: it needs one folder of pictures for each class"):
        load_dataset(tmp_path / "void")
    (tmp_path / "files").mkdir()
    picture(tmp_path / "files" / "1.png")
    with pytest.raises(ValueError, match=r"files has no class folders: it .*or a table of labels .gdw audit --labels"):
        load_dataset(tmp_path / "files")
    with pytest.raises(ValueError, match=r"1.png is a file: a data set is read from a folder"):
        load_dataset(tmp_path / "files" / "1.png")
    (pets / "emu").mkdir()
    with pytest.warns(UserWarning, match=r"passed over 1 as a folder without a picture \(first: emu\)"):
        assert load_dataset(pets).class_names == ("cat", "dog")
    with pytest.raises(FileNotFoundError, match=r"no image folder at .*elsewhere"):
        load_dataset(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="image_size must be at least 1 pixel, got 0"):
        load_dataset(pets, image_size=0)


def test_a_test_split_may_lack_a_class(tmp_path):
    for part in ("train/cat", "train/dog", "test/cat", "test/emu"):
        picture(tmp_path / part / "1.png")
    with pytest.warns(UserWarning, match="test has no picture of dog; passed over emu in test: not in train"):
        data = load_dataset(tmp_path)
    assert (data.class_names, data.test_labels.tolist(), data.test_paths) == (("cat", "dog"), [0], ("test/cat/1.png",))


def test_a_test_split_of_one_class_is_read(tmp_path):
    for part in ("train/cat", "train/dog", "test/dog"):
        picture(tmp_path / part / "1.png")
    with pytest.warns(UserWarning, match="test has no picture of cat"):
        assert load_dataset(tmp_path).test_labels.tolist() == [1]


def test_more_than_fits_in_memory_stays_in_its_files(pets, monkeypatch):
    held = load_dataset(pets)
    monkeypatch.setattr(pictures_module, "memory_for_images", lambda: 100)
    kept = load_dataset(pets)
    assert isinstance(kept.images, OnDisk)
    assert torch.equal(kept.images.read(), held.images)
    assert kept.pixels == held.pixels


def test_pictures_read_for_a_network_are_normalised_and_augmented_by_a_task_that_trains_on_them(pets):
    held, seen = load_dataset(pets, image_size=16), load_dataset(pets, seen_at=16)
    given = {"meta_per_class": 1, "validation_per_class": 0, "seed": 0}
    assert isinstance(seen.images, OnDisk)
    assert make_task(seen, **given).pixels == make_task(held, **given).pixels == held.pixels
    assert held.pixels.flip


def test_a_folder_of_cifars_classes_and_size_takes_the_published_numbers(tmp_path, monkeypatch):
    for name in folder_module.CIFAR10_CLASSES:
        for split in ("train", "test"):
            picture(tmp_path / split / name / "1.png", shade=9, size=(32, 32))
    assert load_dataset(tmp_path).pixels == folder_module.CIFAR_PIXELS
    monkeypatch.setenv("GDW_DATA", str(tmp_path))
    assert load_dataset("cifar10-folder").name == "cifar10-folder"
    small = load_dataset("cifar10-folder", image_size=16)
    assert small.images.shape == (10, 3, 16, 16)
    assert (small.pixels.std, small.pixels.pad) == ((1.0,) * 3, 2)  # its own numbers: the published ones are of 32 x 32
    monkeypatch.setenv("GDW_DATA", str(tmp_path / "train"))
    with pytest.raises(FileNotFoundError, match="no train/<class>"):
        load_dataset("cifar10-folder")


def test_a_size_is_for_folders_alone():
    with pytest.raises(ValueError, match="image_size is for folders of pictures; digits has a size of its own"):
        load_dataset("digits", image_size=16)


@pytest.mark.parametrize("image_size", [None, 8])
def test_broken_pictures_are_named_up_to_ten(pets, image_size):
    for place in range(12):
        (pets / "cat" / f"bad{place:02}.png").write_bytes(b"junk")
    said = r"passed over 12 broken pictures: .*bad00.png.*bad09.png.* and 2 more"
    with pytest.warns(UserWarning, match=said) as caught:
        load_dataset(pets, image_size=image_size)
    assert "bad10" not in str(caught[0].message)


@pytest.mark.parametrize("held", [True, False])
def test_a_class_and_a_split_of_broken_pictures_alone_are_put_aside_and_said(pets, tmp_path, monkeypatch, held):
    if not held:
        monkeypatch.setattr(pictures_module, "memory_for_images", lambda: 0)
    wanted = load_dataset(pets, image_size=8)
    images = wanted.images[:].to("cpu")
    pets.rename(tmp_path / "train")
    (tmp_path / "all").mkdir()
    (tmp_path / "train").rename(tmp_path / "all" / "train")
    for bad in ("train/bee/a.png", "train/bee/b.png", "test/cat/c.png", "val/cat/d.png"):
        (tmp_path / "all" / bad).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / bad).write_bytes(b"junk")
    picture(tmp_path / "all" / "val" / "bee" / "e.png")
    with pytest.warns(UserWarning, match=r"passed over 4 broken pictures: .*a\.png") as said:
        found = load_dataset(tmp_path / "all", image_size=8)
    for more in (
        "put aside 1 classes with no training picture that can be decoded: bee (0); left out too, validation pictures: "
        "1 of bee", "no test picture is left, so it has no test set", "no validation picture is left",
    ):  # fmt: skip
        assert more in str(said[0].message)
    assert (found.class_names, found.test_images, found.validation_images) == (wanted.class_names, None, None)
    assert found.all_class_names == ("bee", *wanted.class_names)
    assert found.labels.tolist() == wanted.labels.tolist()
    assert torch.equal(found.images[:].to("cpu"), images)


def test_a_folder_of_broken_pictures_alone_is_refused_in_one_sentence(pets):
    for file in pets.rglob("*.*"):
        file.write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"at least 2 classes need a picture each, got .* 0, .*broken pictures: .*cat"):
        load_dataset(pets)


def test_broken_pictures_of_a_folder_that_stays_on_disk_are_put_aside_too(pets, monkeypatch):
    (pets / "cat" / "bad.png").write_bytes(b"junk")
    with pytest.warns(UserWarning, match="passed over 1 broken pictures"):
        wanted = load_dataset(pets, image_size=8)
    monkeypatch.setattr(pictures_module, "memory_for_images", lambda: 0)
    with pytest.warns(UserWarning, match="passed over 1 broken pictures"):
        found = load_dataset(pets, image_size=8)
    assert torch.equal(found.images.read(), wanted.images)
    assert (found.paths, found.labels.tolist()) == (wanted.paths, wanted.labels.tolist())


def test_a_huge_picture_is_refused_by_name(pets, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    picture(pets / "cat" / "huge.png", size=(20, 20))
    picture(pets / "cat" / "larger.png", size=(40, 40))
    with pytest.warns(UserWarning, match=r"2 broken pictures: .*huge.png \(more than 300 pixels.*larger.png"):
        load_dataset(pets)


@pytest.mark.parametrize("image_size", [None, 4])
def test_pictures_of_one_pixel(tmp_path, image_size):
    for name in ("a", "b"):
        picture(tmp_path / name / "1.png", 9, size=(1, 1))
    data = load_dataset(tmp_path, image_size=image_size)
    assert data.images.shape == (2, 3, *[image_size or 1] * 2)
    assert torch.equal(data.pixels.augment(data.images, torch.Generator()), data.images)


def test_val_is_the_validation_set_of_a_task(tmp_path):
    for part, count in (("Train", 30), ("valid", 5), ("Testing", 4)):
        for label, name in enumerate(("cat", "dog")):
            for place in range(count):
                picture(tmp_path / part / name / f"{place:02}.png", shade=100 * label + place, size=(4, 4))
    data = load_dataset(tmp_path)
    assert (len(data.labels), len(data.validation_labels), len(data.test_labels)) == (60, 10, 8)
    assert data.validation_paths[0] == "valid/cat/00.png"
    whole, some = make_task(data), make_task(data, validation_per_class=3)
    assert torch.equal(whole.validation.images, data.validation_images)
    assert whole.dataset_indices["validation"].tolist() == list(range(68, 78))
    assert torch.bincount(some.validation.labels).tolist() == [3, 3]
    assert torch.equal(whole.test.images, data.test_images)
    for name in ("train", "meta", "test"):
        assert torch.equal(whole.dataset_indices[name], some.dataset_indices[name])
    with pytest.raises(ValueError, match="class cat has only 5 validation images: too few for validation_per_class 6"):
        make_task(data, validation_per_class=6)


def test_pictures_for_a_network_are_read_at_the_size_in_which_it_sees_them(pets):
    assert load_dataset(pets, seen_at=48).images.shape[2:] == (16, 16)  # small and of one size: as they are
    picture(pets / "cat" / "wide.png", size=(90, 60))
    assert load_dataset(pets, seen_at=48).images.shape[2:] == (48, 48)
    assert load_dataset(pets, seen_at=48, image_size=20).images.shape[2:] == (20, 20)
    for name in ("cat", "dog"):
        for file in (pets / name).iterdir():
            picture(file, size=(100, 100))
    assert load_dataset(pets, seen_at=48).images.shape[2:] == (48, 48)  # of one size, but larger than it sees


def test_features_of_large_pictures_are_not_those_of_small_copies(pets, monkeypatch):
    seen = []

    def looked_at(data, *_, **__):
        seen.append(data.images.shape)
        return data

    monkeypatch.setattr("gdw.data.features.with_features", looked_at)
    picture(pets / "cat" / "wide.png", size=(300, 260))
    dataset_of(Experiment(dataset=str(pets), meta_per_class=1, features=LITE0))
    dataset_of(Experiment(dataset=str(pets), meta_per_class=1, features=LITE0, features_size=96))
    dataset_of(Experiment(dataset=str(pets), meta_per_class=1, features=LITE0, image_size=40))
    assert [tuple(shape[2:]) for shape in seen] == [(224, 224), (96, 96), (40, 40)]


def test_a_reduction_that_nobody_asked_for_is_said(pets):
    picture(pets / "cat" / "wide.png", size=(90, 60))
    with pytest.warns(UserWarning, match="several sizes, up to 90 pixels, are read at 32 x 32: image_size"):
        data = load_dataset(pets)
    assert len(data.notes) == 1
    assert load_dataset(pets, image_size=32).notes == ()
    assert load_dataset(pets, seen_at=32).notes == ()
