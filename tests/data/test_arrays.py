"""A Dataset of your own arrays: what is accepted, how it is read, and the messages for the rest."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdw.data.dataset import Dataset, as_images, as_labels

NAMES = ("cat", "dog")
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (6, 3, 8, 8), dtype=np.uint8)
LABELS = np.array([0, 1] * 3)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "int32", "int64", "uint64", ">i4", "<u2"])
def test_whole_numbers_of_every_type_become_uint8(kind):
    data = Dataset("mine", NAMES, PICTURES.astype(kind), LABELS)
    assert data.images.dtype == torch.uint8
    assert np.array_equal(data.images.numpy(), PICTURES)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", ">f8", "longdouble"])
def test_real_numbers_become_float32(kind):
    points = RANDOM.random((6, 2)).astype(kind)
    data = Dataset("mine", NAMES, points, LABELS)
    assert data.images.dtype == torch.float32
    np.testing.assert_array_equal(data.images.numpy(), points.astype(np.float32))


@given(
    kind=st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64", "bool"]),
    order=st.sampled_from("<>"),
    values=st.lists(st.integers(0, 1), min_size=1, max_size=20),
)
def test_labels_of_every_type_and_byte_order_become_int64(kind, order, values):
    labels = as_labels(np.array(values, np.dtype(kind).newbyteorder(order)), NAMES, "mine")
    assert labels.dtype == torch.int64
    assert labels.tolist() == values


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 0],
        (0, 1, 0),
        [np.int32(0), 1, 0],
        ["cat", "dog", "cat"],
        np.array(["cat", "dog", "cat"], object),
        torch.tensor([0, 1, 0], dtype=torch.int8),
    ],
)
def test_labels_in_lists_and_by_name(labels):
    assert as_labels(labels, NAMES, "mine").tolist() == [0, 1, 0]


def test_lists_of_pictures():
    for pictures in (list(PICTURES), PICTURES.tolist(), [torch.from_numpy(picture) for picture in PICTURES]):
        assert np.array_equal(Dataset("mine", list(NAMES), pictures, LABELS.tolist()).images.numpy(), PICTURES)


def test_arrays_that_are_views_or_read_only():
    backwards = PICTURES[:, :, ::-1]
    assert np.array_equal(as_images(backwards, "mine").numpy(), backwards)
    fixed = PICTURES.copy()
    fixed.flags.writeable = False
    assert np.array_equal(as_images(fixed, "mine").numpy(), PICTURES)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_channels_last_is_recognised(channels, kind):
    pictures = RANDOM.integers(0, 256, (4, channels, 32, 20)).astype(kind)
    images = as_images(pictures.transpose(0, 2, 3, 1), "mine")
    assert np.array_equal(images.numpy(), pictures)
    assert images.is_contiguous()
    assert np.array_equal(as_images(pictures, "mine").numpy(), pictures)


def test_grey_pictures_get_a_channel_and_sequences_none():
    assert as_images(PICTURES[:, 0], "mine").shape == (6, 1, 8, 8)
    assert as_images(PICTURES[:, 0] / 255, "mine").shape == (6, 8, 8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (PICTURES.astype(int) * 2, LABELS, r"mine: training images of whole numbers must lie in 0 ... 255, got int64"),
        (PICTURES.astype(complex), LABELS, "images must be uint8 .*got complex128"),
        (np.full((6, 2), np.nan), LABELS, "must be finite"),
        (np.zeros(6), LABELS, r"images must be uint8 .*got shape \(6,\)"),
        ([[1, 2], [3]], [0, 1], "images must be uint8 .*several shapes"),
        ([["a", "b"]], [0], "images must be uint8 .*got <U1"),
        ([None, None], [0, 1], "images must be uint8 .*got object"),
        (PICTURES, np.eye(2)[LABELS], r"labels must be whole numbers, int64 \[images\], got shape \(6, 2\)"),
        (PICTURES, LABELS[:, None], r"got shape \(6, 1\)"),
        (PICTURES, LABELS / 2, "got float64 with fractions"),
        (PICTURES, LABELS * np.nan, "got float64 with fractions"),
        (PICTURES, ["cat", "dogg"] * 3, "unknown class in the mine: training labels 'dogg'; did you mean 'dog'"),
        (PICTURES, 7, r"got shape \(\)"),
        (PICTURES, None, "give images and labels together"),
    ],
)
def test_what_cannot_be_taken_says_what_is_wanted(images, labels, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", NAMES, images, labels)


def test_parts_must_fit_together():
    with pytest.raises(ValueError, match=r"test images have the shape \(3, 4, 4\), but training images \(3, 8, 8\)"):
        Dataset("mine", NAMES, PICTURES, LABELS, PICTURES[:, :, :4, :4], LABELS)
    with pytest.raises(ValueError, match="6 training images but 1 paths"):
        Dataset("mine", NAMES, PICTURES, LABELS, paths=("a.png",))
    with pytest.raises(ValueError, match="each class needs a name of its own"):
        Dataset("mine", ("cat", "cat"), PICTURES, LABELS)
    with pytest.raises(ValueError, match="give validation_images and validation_labels together"):
        Dataset("mine", NAMES, PICTURES, LABELS, validation_images=PICTURES)
