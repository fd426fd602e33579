"""Near copies: found whatever was done to them, and nothing else is taken for one."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

import gdw
from gdw.comparison.audit.copies import _candidates, find_copies
from gdw.comparison.audit.heads import standardised
from gdw.data.dataset import Dataset
from gdw.pictures.extraction import Seen, picture_keys
from gdw.pictures.pixels import distance, fingerprints

COUNT, SIDE = 60, 48


def motif(seed):
    """Coarse noise, as smooth as a photo at this size."""
    shades = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(shades).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def saved_again(picture):
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=40)
    return Image.open(content).convert("RGB")


CHANGES = {
    "resized": lambda picture: picture.resize((30, 30)).resize((SIDE, SIDE)),
    "saved again": saved_again,
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "cropped by a pixel": lambda picture: picture.crop((1, 0, SIDE, SIDE - 1)).resize((SIDE, SIDE)),
}


def seen(pictures):
    values = torch.stack([torch.from_numpy(np.array(picture)).permute(2, 0, 1) for picture in pictures])
    keys = picture_keys(values, 255)
    small = torch.nn.functional.interpolate(values.float(), (8, 8), mode="area").flatten(1)
    small = ((small - small.mean(1, keepdim=True)) / (small.std(1, keepdim=True) + 1e-3)).numpy()
    return Seen(np.arange(len(keys)), keys, fingerprints(values, 255), {}), standardised(small)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_is_near(change):
    pictures = [motif(place) for place in range(COUNT)]
    copies = {7: COUNT, 20: COUNT + 1}
    found = find_copies(*wanted([*pictures, *(CHANGES[change](pictures[place]) for place in copies)]))
    assert found.groups == tuple(copies.items())
    assert found.near == (True, True)
    labels = np.arange(COUNT + 2) % 2
    labels[COUNT], labels[COUNT + 1] = labels[7], 1 - labels[20]
    assert found.in_other_classes(labels) == {20: COUNT + 1, COUNT + 1: 20}
    assert [note.split(" (")[0] for note in found.notes(labels, list(map(str, range(COUNT + 2))))] == [
        "1 pictures are there nearly more than once in their class",
        f"1 pictures are nearly in several classes, so at least one label is wrong: 20 = {COUNT + 1}",
    ]


def wanted(pictures):
    what, features = seen(pictures)
    return {"": what}, {"": None}, features


def test_equal_rows_of_numbers_share_a_fold_and_may_be_of_several_classes(tmp_path):
    points = np.random.default_rng(0).normal(size=(90, 300)) + 3 * np.eye(3, 300)[np.arange(90) % 3]
    wrong = [0, *range(90, 97)]  # one wrong label, eight times
    rows, labels = np.r_[points, np.repeat(points[:1], 7, axis=0)], np.r_[np.arange(90) % 3, np.zeros(7, int)]
    labels[wrong] = 1
    alone = gdw.audit(rows[:90], observed=labels[:90]).table["score"]
    np.save(tmp_path / "x.npy", rows)
    for data in (rows, np.load(tmp_path / "x.npy", mmap_mode="r")):
        found = gdw.audit(data, observed=labels)
        assert found.table.loc[wrong, "score"].min() > 0.5  # its copies do not vouch for it
        assert alone[0] > 0.5
        assert "1 rows are there more than once in their class (first: 0 = 90 = 91)" in found.notes
    labels[90] = 2
    found = gdw.audit(rows, observed=labels)
    assert "1 rows are in several classes: 0 = 90 = 91" in found.notes
    assert not found.table["reason"].str.contains("the same picture").any()


@pytest.mark.parametrize(("categories", "classes"), [(10, 2), (3, 3)])
def test_rows_of_a_table_of_few_values_are_no_copies(categories, classes):
    random = np.random.default_rng(0)
    values = random.integers(0, categories, 600)
    wrong = random.random(600) < 0.05
    labels = np.where(wrong, (values + 1) % classes, values % classes)
    found = gdw.audit(np.eye(categories, dtype=np.float32)[values], observed=labels)
    assert wrong[found.table.index[: wrong.sum()]].all()


def test_a_class_of_one_picture_is_said_and_not_suspected():
    random = np.random.default_rng(0)
    pictures, labels = random.integers(0, 255, (46, 1, 8, 8), np.uint8), np.arange(46) % 2
    pictures[:40][labels[:40] == 1] //= 2
    pictures[40:], labels[40:] = pictures[40], 2
    found = gdw.audit(Dataset("d", tuple("abc"), torch.from_numpy(pictures), torch.from_numpy(labels)), features=None)
    assert found.table.loc[40:45, "score"].max() < 0.5
    assert "all pictures of a class are one (first: 40): its labels cannot be judged" in found.notes


def test_a_copy_that_agrees_with_what_was_confirmed_is_not_suspected():
    pictures, labels = np.random.default_rng(0).integers(0, 255, (40, 1, 8, 8), np.uint8), np.arange(40) % 2
    pictures[1] = pictures[0]
    data = Dataset("d", ("a", "b"), torch.from_numpy(pictures), torch.from_numpy(labels))
    assert gdw.audit(data, features=None).table["reason"].str.contains("the same picture").sum() == 2
    found = gdw.audit(data, {1: "a"}, features=None)
    assert not found.table["reason"].str.contains("the same picture").any()
    found = gdw.audit(data, {0: "b"}, features=None)
    assert not found.table["reason"].str.contains("the same picture").any()
    three = replace(data, class_names=("a", "b", "c"), labels=np.arange(40) % 3)
    found = gdw.audit(three, {1: "c"}, features=None)
    assert found.table["reason"].str.contains("the same picture as 1, which is labelled c").sum() == 1


def test_other_pictures_and_pictures_without_a_motif_are_not_copies():
    assert find_copies(*wanted([motif(place) for place in range(COUNT)])).groups == ()
    plain = [Image.new("RGB", (SIDE, SIDE), (4 * place, 255 - 4 * place, 100)) for place in range(COUNT)]
    assert find_copies(*wanted(plain)).groups == ()


def test_exact_and_near_copies_of_one_picture_are_one_group():
    pictures = [motif(place) for place in range(COUNT)]
    found = find_copies(*wanted([*pictures, pictures[3], saved_again(pictures[3]), pictures[9]]))
    assert found.groups == ((3, COUNT, COUNT + 1), (9, COUNT + 2))
    assert found.near == (True, False)


def test_a_picture_that_is_there_many_times_hides_no_near_copy():
    pictures = [*(motif(place) for place in range(COUNT)), *[motif(3)] * COUNT, saved_again(motif(3))]
    found = find_copies(*wanted(pictures))
    assert found.groups == ((3, *range(COUNT, 2 * COUNT + 1)),)
    assert found.near == (True,)


def test_pairs_that_differ_in_bits_of_seven_bands_are_compared_in_the_eighth():
    """A pair is a candidate if the two agree in any 16 bits, of which a band begins at each multiple of 8."""
    random = np.random.default_rng(0)
    one = random.integers(1, 2**63, 8, dtype=np.uint64)
    other = one.copy()
    for band in range(8):  # eight bits, none of the 16 from 8 * band on, counted from the left and around the end
        for step in range(2, 8):
            other[band] ^= np.uint64(1) << np.uint64(63 - (8 * (band + step) + 3) % 64)
    found = np.unique(np.concatenate([*_candidates(np.concatenate([one, other]))]), axis=0)
    assert found.tolist() == [[band, band + 8] for band in range(8)]


def test_the_distance_counts_bits():
    assert distance(np.array([0b1011], np.uint64), np.array([0b0010], np.uint64)).tolist() == [2]
