"""Features of pictures: equal to the network's own by hand; found again, computed alone, whatever the disk does."""

import errno
import shutil
import warnings
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import gdw
from gdw import cache
from gdw.data.dataset import Dataset
from gdw.data.datasets import load_dataset
from gdw.data.features import described, with_features
from gdw.data.given import as_dataset
from gdw.data.randomness import generator
from gdw.data.task import make_task
from gdw.networks.classifiers import build_model
from gdw.pictures import decoding as pictures_module
from gdw.pictures import extraction, feature_store, on_disk, pretrained
from gdw.pictures.on_disk import OnDisk
from gdw.pictures.pixels import Pixels
from gdw.pictures.pretrained import LITE0, Pretrained, load_network, packaged_weights, weights_hash
from gdw.training.sources import Sources
from tests.runs import processes

NETWORK, COUNT, WIDTH = "test_net", 40, 6


def pictures(count=COUNT, seed=0, channels=3, size=8):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, size, size), generator=random, dtype=torch.uint8)


def dataset(images=None, test=True, **changes):
    images = pictures() if images is None else images
    labels = torch.arange(len(images)) % 2
    shape = {"channels": images.shape[1], "size": images.shape[2]}
    held_out = (pictures(10, seed=1, **shape), labels[:10]) if test else (None, None)
    return Dataset("set", ("a", "b"), images, labels, *held_out, pixels=Pixels(scale=255), **changes)


def small_network(seed=0):
    random = torch.Generator().manual_seed(seed)
    module = nn.Sequential(
        nn.Conv2d(3, WIDTH, 3, stride=2), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    for parameter in module.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=random))
    return module.eval().requires_grad_(False)


class Loader:
    """In place of timm: a small network, and a count of the pictures that went through it."""

    def __init__(self):
        self.seed, self.loads = 0, 0

    def __call__(self, network, size, folder=None):
        self.loads += 1
        module = small_network(self.seed)
        return Pretrained(module, (0.5,) * 3, (0.25,) * 3, "bicubic", size or 32, weights_hash(module.state_dict()))


@pytest.fixture
def loader(monkeypatch):
    loader = Loader()
    monkeypatch.setattr(extraction, "load_network", loader)
    return loader


class Seen(list):
    def __call__(self, done, total):
        self.append((done, total))


def made(data, cache, seen=None, **given):
    return with_features(data, NETWORK, image_size=32, cache=cache, device="cpu", progress=seen, **given)


def files(cache):
    return sorted(cache.rglob("*.f32"))


def test_the_data_set_keeps_everything_but_its_images(loader, tmp_path):
    data, seen = dataset(origin=("digits", None)), Seen()
    made_of = made(data, tmp_path, seen)
    assert made_of.origin is None  # a record must not say that it is digits
    assert made_of.name == f"set, features of {NETWORK}"
    assert (made_of.images.shape, made_of.images.dtype) == ((COUNT, WIDTH), torch.float32)
    assert made_of.test_images.shape == (10, WIDTH)
    assert torch.equal(made_of.pictures, data.images)
    assert torch.equal(made_of.labels, data.labels)
    assert made_of.class_names == data.class_names
    assert seen == [(16, 50), (32, 50), (40, 50), (50, 50)]
    values = made_of.pixels.normalise(made_of.images, torch.float64)
    torch.testing.assert_close(values.mean(0), torch.zeros(WIDTH, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(WIDTH, dtype=torch.float64), atol=1e-6, rtol=0)


def test_validation_images_and_paths(loader, tmp_path):
    data = dataset(
        validation_images=pictures(6, seed=2), validation_labels=torch.arange(6) % 2,
        paths=tuple(f"{place}.png" for place in range(COUNT)),
    )  # fmt: skip
    made_of = made(data, tmp_path)
    assert made_of.validation_images.shape == (6, WIDTH)
    assert made_of.paths == data.paths


def test_a_feature_that_never_changes_keeps_a_deviation_of_1(loader, tmp_path):
    same = pictures(1).expand(COUNT, -1, -1, -1)
    assert made(dataset(same, test=False), tmp_path).pixels.std == (1.0,) * WIDTH


def test_by_hand(loader, tmp_path):
    data = dataset()
    large = nn.functional.interpolate(data.images / 255, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    expected = small_network()((large - 0.5) / 0.25)
    torch.testing.assert_close(made(data, tmp_path).images, expected, atol=1e-5, rtol=1e-5)


def test_the_middle_square_of_grey_pictures(loader, tmp_path):
    wide = pictures(channels=1)[..., :6, :]
    data = Dataset("wide", ("a", "b"), wide, torch.arange(COUNT) % 2, pixels=Pixels(scale=255))
    colour = replace(data, images=wide[..., 1:7].expand(-1, 3, -1, -1))
    torch.testing.assert_close(made(data, tmp_path).images, made(colour, tmp_path).images)


def test_neither_company_nor_the_cache_moves_a_feature(loader, tmp_path):
    whole = made(dataset(), tmp_path / "a").images
    made(dataset(pictures()[5:17]), tmp_path / "b")
    assert torch.equal(made(dataset(), tmp_path / "b").images, whole)
    assert torch.equal(made(dataset(pictures().flip(0)), tmp_path / "c").images.flip(0), whole)
    # and from a batch of its own, up to rounding
    alone = loader(NETWORK, 32)
    one_by_one = torch.cat([alone.module(alone.prepare(picture[None], 255)) for picture in pictures()])
    torch.testing.assert_close(whole, one_by_one, atol=1e-5, rtol=1e-5)


def test_a_second_start_computes_nothing_and_loads_nothing(loader, tmp_path):
    first, seen = made(dataset(), tmp_path), Seen()
    again = made(dataset(), tmp_path, seen)
    assert loader.loads == 1
    assert seen == []
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.test_images, again.test_images)


def test_a_changed_picture_is_computed_alone(loader, tmp_path):
    before = made(dataset(), tmp_path)
    images, seen = pictures(), Seen()
    images[7, 0, 0, 0] += 1
    after = made(dataset(images), tmp_path, seen)
    assert seen == [(40, 50)]
    assert (after.images != before.images).any(1).nonzero().flatten().tolist() == [7]


def test_copies_are_computed_once(loader, tmp_path):
    seen = Seen()
    out = made(dataset(pictures(4).repeat(10, 1, 1, 1), test=False), tmp_path, seen)
    assert seen == [(COUNT, COUNT)]  # four went through the network, in one batch
    assert torch.equal(out.images[:4].repeat(10, 1), out.images)


def test_an_interrupted_extraction_goes_on(loader, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "CHUNK", 16)

    def stop(done, total):
        if done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(dataset(), tmp_path, stop)
    seen = Seen()
    assert torch.equal(made(dataset(), tmp_path, seen).images, made(dataset(), tmp_path / "whole").images)
    assert seen == [(40, 50), (50, 50)]  # two chunks of 16 were kept


def test_files_that_are_deleted_meanwhile_cost_time_alone(loader, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "CHUNK", 16)
    expected, deleted = made(dataset(), tmp_path / "whole"), []

    def delete(done, total):
        if done >= 32 and not deleted:
            deleted.append(done)
            shutil.rmtree(tmp_path / "cache")

    found = made(dataset(), tmp_path / "cache", delete)
    assert deleted
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.test_images, expected.test_images)
    assert torch.equal(made(dataset(), tmp_path / "cache").images, expected.images)


def test_weights_that_somebody_gave_are_looked_at_again(loader, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / f"{NETWORK}.safetensors").touch()  # the loader stands in for what is in it
    first = made(dataset(), tmp_path).images
    loader.seed = 1
    second = made(dataset(), tmp_path).images
    assert (first != second).any(1).all()
    assert torch.equal(second, made(dataset(), tmp_path / "whole").images)


def test_items_that_are_normalised_already_are_refused(loader, tmp_path):
    class Normalised(torch.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, place):
            return (pictures(8)[place].float() / 255 - 0.5) / 0.25, place % 2

    with pytest.raises(ValueError, match=r"pictures must lie in 0 \.\.\. 1, .*: leave out what normalises them"):
        made(as_dataset(Normalised()), tmp_path)


def test_other_weights_sizes_and_scales_are_other_features(loader, tmp_path):
    first = made(dataset(), tmp_path).images
    loader.seed = 1
    images = pictures()
    images[0] += 1  # the network is loaded for this one, and is another than before
    second = made(dataset(images), tmp_path).images
    assert (first != second).any(1).all()
    other = with_features(dataset(), NETWORK, image_size=64, cache=tmp_path, device="cpu").images
    assert (other != second)[1:].any(1).all()
    dark = replace(dataset(), pixels=Pixels(scale=510))
    assert (made(dark, tmp_path).images != second)[1:].any(1).all()


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "bit"])
def test_a_damaged_file_costs_time_and_never_an_answer(loader, tmp_path, damage):
    expected = made(dataset(), tmp_path)
    (file,) = files(tmp_path)
    data = bytearray(file.read_bytes())
    data[-1] ^= 64
    bad = {"empty": b"", "cut": bytes(data[:300]), "text": b"<html>no such page</html>", "bit": bytes(data)}
    file.write_bytes(bad[damage])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        again = made(dataset(), tmp_path)
    assert len(warned) == (damage in ("text", "bit"))
    assert torch.equal(again.images, expected.images)
    assert torch.equal(again.test_images, expected.test_images)
    seen = Seen()
    assert torch.equal(made(dataset(), tmp_path, seen).images, expected.images)
    assert seen == []


def test_a_full_disk_costs_a_warning(loader, tmp_path, monkeypatch):
    expected, own = made(dataset(), tmp_path / "good"), feature_store._append

    def full(file, values, start):
        if tmp_path in file.parents and start:  # the first chunk has its place
            raise OSError(errno.ENOSPC, "No space left on device")
        own(file, values, start)

    monkeypatch.setattr(extraction, "CHUNK", 16)
    monkeypatch.setattr(feature_store, "_append", full)
    with pytest.warns(UserWarning, match="features cannot be kept in .*No space left on device") as warned:
        out = made(dataset(), tmp_path / "full")
    assert len(warned) == 1
    assert torch.equal(out.images, expected.images)
    assert torch.equal(out.test_images, expected.test_images)


def test_a_cache_that_is_no_folder_costs_a_warning(loader, tmp_path):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.warns(UserWarning, match="features cannot be kept in"):
        out = made(dataset(), tmp_path / "file")
    assert torch.equal(out.images, made(dataset(), tmp_path / "good").images)
    assert (tmp_path / "file").read_text("utf-8") == "not a folder"


@pytest.mark.parametrize("half", ["features", "keys"])
def test_what_a_killed_process_left_is_cleared(loader, tmp_path, half):
    made(dataset(pictures(4), test=False), tmp_path)
    left = files(tmp_path)[0] if half == "features" else files(tmp_path)[0].with_name("keys")
    with left.open("ab") as file:
        file.write(b"half a row")
    expected = made(dataset(), tmp_path / "whole").images
    for _ in range(2):
        assert torch.equal(made(dataset(), tmp_path).images, expected)


def _one_of_two(folder, start, results):
    extraction.load_network, extraction.CHUNK = Loader(), 8
    start.wait()
    seen = Seen()
    out = made(dataset(), folder, seen)
    results.put((out.images.numpy(), len(seen)))


def test_two_processes_at_once_share_the_work(loader, tmp_path):
    context = processes()
    start, results = context.Barrier(2), context.Queue()
    both = [context.Process(target=_one_of_two, args=(tmp_path, start, results)) for _ in range(2)]
    for process in both:
        process.start()
    outputs = [results.get(timeout=60) for _ in both]
    for process in both:
        process.join()
    expected = made(dataset(), tmp_path / "alone").images
    assert all(torch.equal(torch.from_numpy(images), expected) for images, _ in outputs)
    batches = 7  # of 8 pictures: 5 chunks of the training set, 2 of the test set
    assert sum(count for _, count in outputs) == batches


def test_the_folder_that_the_environment_names(loader, tmp_path, monkeypatch):
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "named"))
    made(dataset(), None)
    assert files(tmp_path / "named")
    monkeypatch.delenv("GDW_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    made(dataset(), None)
    assert files(tmp_path / "home" / ".cache" / "gdw" / "features")


def test_mirrored_pictures_are_the_second_view(loader, tmp_path):
    data = dataset()
    both = made(data, tmp_path, mirrored=True)
    assert both.images.shape == (COUNT, 2, WIDTH)
    assert both.test_images.shape == (10, 2, WIDTH)
    plain, turned = made(data, tmp_path), made(replace(data, images=data.images.flip(-1)), tmp_path)
    assert torch.equal(both.images[:, 0], plain.images)
    assert torch.equal(both.images[:, 1], turned.images)
    assert (both.pixels.mean, both.pixels.std) == (plain.pixels.mean, plain.pixels.std)


def test_training_draws_both_views_and_evaluation_the_first(loader, tmp_path):
    task = make_task(made(dataset(), tmp_path, mirrored=True), meta_per_class=2)
    assert task.input_shape == (WIDTH,)
    views = [task.pixels.normalise(task.train.images.flip(1) if view else task.train.images) for view in (0, 1)]
    model = build_model("linear", task.input_shape, 2, generator(0, "model"))
    sources = Sources(task, model, gdw.Experiment(epochs=1, batch_size=8, lr=0.1))
    taken = []
    for _ in range(40):
        images, _, chosen, _ = sources.draw("train")
        first, second = ((images == view[chosen]).all(1) for view in views)
        assert (first | second).all()
        taken.append(second)
    share = torch.cat(taken).float().mean()
    assert abs(float(share) - 0.5) < 0.14  # 5 standard deviations of 320 draws
    images, _, _, is_meta = Sources(task, model, gdw.Experiment(epochs=1, batch_size=36, lr=0.1)).draw("both")
    assert images.shape == (36, WIDTH)
    assert is_meta.any()
    still = replace(task, pixels=replace(task.pixels, flip=False))
    images, _, chosen, _ = Sources(still, model, gdw.Experiment(epochs=1, batch_size=8, lr=0.1)).draw("train")
    assert torch.equal(images, views[0][chosen])


def test_noise_that_depends_on_the_picture_is_the_same_with_features(loader, tmp_path):
    given = {"noise": "instance-dependent", "rate": 0.4, "meta_per_class": 2}
    plain, made_of = make_task(dataset(), **given), make_task(made(dataset(), tmp_path), **given)
    assert torch.equal(plain.train.labels, made_of.train.labels)
    assert plain.wrong_label_rate > 0


def test_large_pictures_are_kept_small(loader, tmp_path):
    large = torch.full((4, 3, 120, 240), 7, dtype=torch.uint8)
    assert made(dataset(large, test=False), tmp_path).pictures.shape == (4, 3, 48, 96)
    shades = Dataset("16 shades", ("a", "b"), torch.tensor([0, 16]).byte().view(2, 1, 1, 1).expand(2, 1, 8, 8),
                     torch.tensor([0, 1]), pixels=Pixels(scale=16))  # fmt: skip
    assert made(shades, tmp_path).pictures.unique().tolist() == [0, 255]


def test_what_is_refused_before_any_work(loader, tmp_path):
    points = Dataset("points", ("a", "b"), torch.rand(4, 2), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(ValueError, match=r"points: features are made of pictures .* got images of shape \(4, 2\)"):
        made(points, tmp_path)
    with pytest.raises(ValueError, match=r"pictures must lie in 0 ... 1, the scale of their pixels, got 0 to 255"):
        made(replace(dataset(), pixels=Pixels()), tmp_path)
    for size in (0, 31, 64.0, "128", True):
        with pytest.raises(ValueError, match="features need pictures of at least 32 pixels, got a size of"):
            with_features(dataset(), NETWORK, image_size=size, cache=tmp_path)
    assert loader.loads == 0
    assert files(tmp_path) == []


@pytest.mark.parametrize("size", [128, 224])
def test_the_default_network_equals_timm_by_hand_to_the_last_bit(tmp_path, size, monkeypatch):
    timm, known = pytest.importorskip("timm"), packaged_weights(LITE0)
    if known is None:
        pytest.skip("the package with the weights is not installed")
    monkeypatch.setattr(extraction, "BATCH", 8)
    data = dataset(pictures(8, size=32), test=False)
    out = with_features(data, image_size=size, cache=tmp_path, device="cpu")
    by_hand = timm.create_model(LITE0, pretrained=False).eval()
    stored = torch.load(known[0], weights_only=True)
    by_hand.load_state_dict(dict(zip(by_hand.state_dict(), stored.values(), strict=True)))
    by_hand = by_hand.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        large = nn.functional.interpolate(data.images / 255, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
        inputs = ((large - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)
        expected = by_hand.forward_head(by_hand.forward_features(inputs), pre_logits=True)
    assert out.images.shape == (8, 1280)
    assert torch.equal(out.images, expected)
    assert not (out.images[0] == out.images[1]).all()


def test_loading_leaves_torchs_random_numbers_alone():
    if packaged_weights(LITE0) is None:
        pytest.skip("the package with the weights is not installed")
    before = torch.get_rng_state()
    assert load_network(LITE0, 128).weights == packaged_weights(LITE0)[1]
    assert torch.equal(before, torch.get_rng_state())


def test_the_default_size_follows_the_pictures():
    assert [pretrained.chosen_size(LITE0, (side, side), None) for side in (8, 64, 65)] == [128, 128, 224]
    assert pretrained.chosen_size(LITE0, (300, 300), 96) == 96
    assert pretrained.chosen_size("resnet18", (32, 32), None) is None  # its own


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """Forty pictures in files, written long ago."""
    monkeypatch.setattr(cache, "SETTLED", -60.0)
    for place, values in enumerate(pictures().permute(0, 2, 3, 1).numpy()):
        path = tmp_path / "pets" / ("cat", "dog")[place % 2] / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    return tmp_path / "pets"


def test_pictures_in_files_are_decoded_batch_by_batch_and_give_the_same(loader, pets, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "CHUNK", 16)
    listed, seen = load_dataset(pets, seen_at=32), Seen()
    assert isinstance(listed.images, OnDisk)
    assert [len(part) for part in listed.images[:0].split(16)] == [0]  # as a tensor's: an empty test set is one part
    expected = made(replace(listed, images=listed.images.read()), tmp_path / "held").images
    found = made(listed, tmp_path / "kept", seen)
    assert torch.equal(found.images, expected)
    assert seen == [(16, 40), (32, 40), (40, 40)]
    assert isinstance(found.pictures, OnDisk)
    monkeypatch.setattr(pictures_module, "read_picture", lambda *_: pytest.fail("a picture was decoded"))
    assert torch.equal(made(listed, tmp_path / "kept").images, expected)


def test_a_broken_picture_is_passed_over_wherever_it_stands(loader, pets, tmp_path):
    (pets / "cat" / "04.png").write_bytes(b"no picture")
    (pets / "dog" / "07.png").write_bytes((pets / "dog" / "09.png").read_bytes()[:50])
    found = made(load_dataset(pets, seen_at=32), tmp_path / "kept")
    assert len(found.images) == len(found.labels) == len(found.paths) == len(found.pictures) == COUNT - 2
    assert not {"cat/04.png", "dog/07.png"} & set(found.paths)
    assert "passed over 2 broken pictures (first: " in found.notes[-1]
    assert torch.equal(found.pictures[3], load_dataset(pets, seen_at=32).images[4])


def test_a_class_of_broken_pictures_alone_is_put_aside_and_said(loader, pets, tmp_path):
    (pets / "emu").mkdir()
    for file in sorted((pets / "dog").iterdir())[:9]:
        file.rename(pets / "emu" / file.name)
    whole = made(load_dataset(pets, seen_at=32), tmp_path / "kept")
    for file in (pets / "cat").iterdir():
        file.write_bytes(b"no picture")
    found = made(load_dataset(pets, seen_at=32), tmp_path / "kept")
    assert found.class_names == tuple(name for name in whole.class_names if name != "cat")
    assert found.notes[-1] == "put aside 1 classes with no training picture that can be decoded: cat (0)"
    own = [place for place, path in enumerate(whole.paths) if not path.startswith("cat/")]
    assert found.paths == tuple(whole.paths[place] for place in own)
    assert torch.equal(found.images, whole.images[own])
    assert [found.class_names[label] for label in found.labels] == [path[:3] for path in found.paths]
    for file in pets.rglob("*.png"):
        file.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"need a picture each, got .*cat 0, .*40 broken pictures \(first: .*png"):
        made(load_dataset(pets, seen_at=32), tmp_path / "kept")


def test_features_damaged_meanwhile_of_a_picture_that_is_gone(loader, pets, tmp_path, monkeypatch):
    listed = load_dataset(pets, seen_at=32)
    made(listed, tmp_path / "kept")
    asked, own = [], feature_store.FeatureStore.row

    def row(store, key):
        asked.append(key)
        if len(asked) == COUNT + 4:  # of the pictures' second look, at their rows
            (pets / "cat" / "06.png").unlink()
        return own(store, key) if len(asked) != COUNT + 4 else None

    monkeypatch.setattr(feature_store.FeatureStore, "row", row)
    assert set(listed.paths) - set(made(listed, tmp_path / "kept").paths) == {"cat/06.png"}


class Stuck(Executor):
    """Machines of which one answers."""

    def __init__(self, fails):
        self.fails, self.begun = fails, []

    def submit(self, work, *given):
        future = Future()
        if self.fails and not self.begun:
            future.set_exception(KeyboardInterrupt())
        elif not self.begun:
            future.set_result(work(*given))
        self.begun.append(future)
        return future


@pytest.mark.parametrize("waiting", [True, False])
def test_after_an_interruption_nobody_waits_for_other_machines(loader, pets, tmp_path, monkeypatch, waiting):
    monkeypatch.setattr(extraction, "CHUNK", 8)
    others = Stuck(waiting)

    def progress(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:  # held, as by who says what was kept: so are its frames
        described(load_dataset(pets, seen_at=32), NETWORK, image_size=32, cache=tmp_path / "kept", device="cpu",
                  progress=progress, executor=others)  # fmt: skip
    assert stopped
    assert [future.cancelled() for future in others.begun] == [False] + [True] * 4


def test_features_that_do_not_fit_in_memory_stay_on_disk(loader, tmp_path, monkeypatch):
    held = made(dataset(), tmp_path)
    monkeypatch.setattr(on_disk, "MOST_IN_MEMORY", 100)
    kept = made(dataset(), tmp_path)
    assert isinstance(kept.images, OnDisk)
    assert torch.equal(kept.images.read(), held.images)
    assert kept.pixels == held.pixels
