"""Pictures that stay on the host: the same batches in the same order, gathered here or by workers."""

import pytest
import torch

import gdw
from gdw.data import batches as batches_module
from gdw.data.batches import fetched, fits_in_memory, index_batches
from gdw.data.randomness import generator
from gdw.pictures import decoding as pictures_module
from gdw.pictures.on_disk import OnDisk
from gdw.training.sources import Sources
from tests.picture_files import cifar_folder, shifted_digits
from tests.runs import trained

CPU = torch.device("cpu")
SMALL = {"dataset": "digits", "noise": "uniform", "rate": 0.6, "epochs": 3, "device": "cpu"}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_with_their_pictures_in_the_order_of_the_indices(workers):
    images = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 3, 4, 4).contiguous()
    expected = index_batches(60, 8, generator(0, "batches"))  # ten clean rows on top
    batches = fetched(images, index_batches(60, 8, generator(0, "batches")), CPU, workers)
    state = torch.get_rng_state()
    for _ in range(20):
        chosen, batch = next(batches)
        assert torch.equal(chosen, next(expected))
        assert torch.equal(batch[:, 0, 0, 0].long(), chosen.clamp(max=49))
        assert batch.dtype == torch.uint8
    assert torch.equal(torch.get_rng_state(), state)  # the process's random state has no part in it


@pytest.mark.parametrize("method", ["gdw", "cross-entropy", "pooled", "fine-tune", "glc"])
def test_a_run_from_the_host_has_the_history_of_a_resident_one(method):
    experiment = gdw.Experiment(**SMALL, method=method)
    assert gdw.run(experiment, resident=False) == gdw.run(experiment, resident=True)


def test_with_workers_and_augmentation_too(monkeypatch):
    """The pictures are moved and mirrored where the network runs, in whole batches: by the same random numbers."""
    shifted = shifted_digits()
    experiment = gdw.Experiment(**SMALL, method="mwnet")
    resident = gdw.run(experiment, dataset=shifted)
    monkeypatch.setattr(gdw.training.sources, "fetched", lambda *given: fetched(*given, 2))
    assert gdw.run(experiment, dataset=shifted, resident=False) == resident


def test_only_what_fits_a_gpu_lies_there(monkeypatch):
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert fits_in_memory(500, cuda)
    assert not fits_in_memory(501, cuda)
    assert fits_in_memory(10**15, CPU)
    assert batches_module.SHARE < 1


def test_a_task_that_is_not_resident_leaves_its_pictures_where_they_are():
    task = gdw.make_task(gdw.load_dataset("digits"))
    away = task.to("meta", resident=False)
    assert away.train.images is task.train.images
    assert away.test.images is task.test.images
    assert {away.train.labels.device.type, away.test.labels.device.type, away.meta.images.device.type} == {"meta"}
    assert not away.resident
    assert task.to("meta").train.images.device.type == "meta"


def test_no_picture_is_copied_before_it_is_asked_for():
    training = gdw.Training(gdw.Experiment(**SMALL, method="gdw"), resident=False)
    sources = Sources(training.task, training.model, training.experiment)
    assert sources.images["train"] is training.task.train.images
    assert not sources.once


def test_a_folder_that_does_not_fit_in_memory_trains_to_the_same_numbers(tmp_path, monkeypatch):
    """Decoded by workers, augmented, in the same order; with a pooled source (fine-tune) and a virtual step (GDW)."""
    data, given = cifar_folder(tmp_path / "set", train=8, test=2), {"epochs": 2, "batch_size": 20, "device": "cpu"}
    found = {}
    for name in ("held", "read"):
        if name == "read":
            monkeypatch.setattr(pictures_module, "memory_for_images", lambda: 100)
        dataset = gdw.load_dataset(data)
        assert isinstance(dataset.images, OnDisk) == (name == "read")
        for method in ("gdw", "fine-tune", "fsr"):
            experiment = gdw.Experiment(
                dataset=str(data), method=method, model="cnn", rate=0.3, meta_per_class=2, **given
            )
            found[name, method] = trained(experiment, dataset=dataset)
    for method in ("gdw", "fine-tune", "fsr"):
        assert found["held", method].history == found["read", method].history, method
    assert found["read", "gdw"].history.metadata["seconds_waited"] > 0
    assert "seconds_waited" not in found["held", "gdw"].history.metadata
