"""Normalisation by hand, and augmentation against a slow loop over the pictures."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import pad

from gdw.pictures.pixels import Pixels


def pictures(count=6, channels=3, height=7, width=9, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, height, width), generator=random, dtype=torch.uint8)


def slowly(pixels, images, generator):
    """One picture at a time, with torch's own reflection and slices."""
    _, _, height, width = images.shape
    shifts = torch.randint(-pixels.pad, pixels.pad + 1, (2, len(images)), generator=generator)
    flips = torch.randint(0, 2 if pixels.flip else 1, (len(images),), generator=generator)
    out = []
    for image, down, right, flip in zip(images, *shifts.tolist(), flips.tolist(), strict=True):
        larger = pad(image.float(), (pixels.pad,) * 4, mode="reflect").to(image.dtype)
        top, left = pixels.pad + down, pixels.pad + right
        crop = larger[:, top : top + height, left : left + width]
        out.append(crop.flip(-1) if flip else crop)
    return torch.stack(out)


@given(seed=st.integers(0, 10_000), padding=st.integers(0, 6), flip=st.booleans(), channels=st.sampled_from([1, 3]))
def test_augment_equals_the_slow_loop(seed, padding, flip, channels):
    images, pixels = pictures(channels=channels, seed=seed), Pixels(255, pad=padding, flip=flip)
    fast = pixels.augment(images, torch.Generator().manual_seed(seed))
    assert fast.dtype == torch.uint8
    assert torch.equal(fast, slowly(pixels, images, torch.Generator().manual_seed(seed)))


def test_every_shift_and_both_directions_occur_equally_often():
    images = torch.arange(5 * 5, dtype=torch.uint8).view(1, 1, 5, 5).expand(20_000, 1, 5, 5)
    out = Pixels(pad=1, flip=True).augment(images, torch.Generator().manual_seed(0))
    centres, counts = out[:, 0, 2, 2].unique(return_counts=True)
    assert centres.tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]  # the middle and its eight neighbours
    assert (counts / 20_000 - 1 / 9).abs().max() < 0.012  # 5 standard deviations
    flipped = (out[:, 0, 2, 1] > out[:, 0, 2, 2]) & (out[:, 0, 2, 2] > out[:, 0, 2, 3])
    assert abs(float(flipped.float().mean()) - 0.5) < 0.018


def test_without_pad_and_flip_nothing_is_drawn_or_changed():
    random = torch.Generator().manual_seed(0)
    before = random.get_state()
    points = torch.rand(4, 2)
    assert Pixels().augment(points, random) is points
    assert torch.equal(before, random.get_state())


def test_flips_do_not_move_the_shifts():
    images = pictures()
    plain = Pixels(pad=2).augment(images, torch.Generator().manual_seed(3))
    both = Pixels(pad=2, flip=True).augment(images, torch.Generator().manual_seed(3))
    for one, other in zip(plain, both, strict=True):
        assert torch.equal(one, other) or torch.equal(one.flip(-1), other)


def test_the_stored_images_are_not_changed():
    images = pictures()
    kept = images.clone()
    pixels = Pixels(255, (0.5,) * 3, (0.2,) * 3, pad=2, flip=True)
    pixels.augment(images, torch.Generator())
    pixels.normalise(images)
    assert torch.equal(images, kept)
    points = torch.rand(4, 2)
    kept = points.clone()
    Pixels(mean=(1.0,)).normalise(points)
    assert torch.equal(points, kept)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalise_by_hand(dtype):
    images = torch.tensor([0, 51, 255, 102], dtype=torch.uint8).view(1, 2, 1, 2)
    out = Pixels(255, mean=(0.2, 0.4), std=(0.5, 0.1)).normalise(images, dtype)
    expected = torch.tensor([-0.4, 0.0, 6.0, 0.0], dtype=dtype).view(1, 2, 1, 2)
    assert out.dtype == dtype
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=0)


def test_one_of_two_views_is_drawn_and_the_first_is_the_default():
    features = torch.arange(24.0).view(4, 2, 3)
    pixels = Pixels(mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 0.5), flip=True, views=True)
    drawn = pixels.augment(features, torch.Generator().manual_seed(0))
    views = torch.randint(0, 2, (4,), generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (4, 1, 3)
    assert torch.equal(drawn[:, 0], torch.stack([row[view] for row, view in zip(features, views, strict=True)]))
    expected = (features[:, 0] - torch.tensor([1.0, 2.0, 3.0])) / torch.tensor([2.0, 4.0, 0.5])
    torch.testing.assert_close(pixels.normalise(features), expected)
    with pytest.raises(ValueError, match="features cannot be shifted: pad must be 0, got 2"):
        Pixels(pad=2, views=True)


def test_points_pass_unchanged():
    points = torch.rand(5, 2)
    assert torch.equal(Pixels().normalise(points), points)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="pad must be smaller than the picture, got 7 for 7 x 9"):
        Pixels(pad=7).augment(pictures(), torch.Generator())
    with pytest.raises(ValueError, match="scale and std must be positive"):
        Pixels(std=(1.0, 0.0))
    with pytest.raises(ValueError, match="pad must be 0 pixels or more, got -1"):
        Pixels(pad=-1)
