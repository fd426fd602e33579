"""Checkpoints: a run goes on from any batch to the same numbers; a file that is damaged or foreign is refused."""

import json
import pickle
import sys

import numpy as np
import pytest
import torch
from torch import nn

import gdw
from gdw.comparison.records import record
from gdw.experiments.experiment import from_config
from gdw.methods import METHODS
from gdw.methods.base import Method
from gdw.methods.plugins import PLUGIN_PREFIX, load_plugins
from gdw.training import checkpoint
from gdw.training.many import Checkpoints
from tests.picture_files import cifar_folder
from tests.trust.killing import same, tiny


def cut(experiment, events, path, **own):
    """The same run, interrupted after so many events, saved and loaded."""
    training = gdw.Training(experiment, **own)
    stream = training.events()
    for _ in range(events):
        next(stream)
    training.save(path)
    return gdw.Training.load(path, **own)


def unbroken(experiment, **own):
    training = gdw.Training(experiment, **own)
    return training, len(list(training.events()))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_goes_on_from_any_batch(method, tmp_path):
    whole, count = unbroken(tiny(method))
    cuts = (count // 3, count // 2 + 1, count) if method != "gdw" else (0, 1, count // 3, count - 1, count)
    begun = gdw.Training(tiny(method))
    done = begun.events()
    for events in range(count + 1):
        if events in cuts:
            begun.save(tmp_path / f"{events}.safetensors")
        next(done, None)
    assert same(begun, whole)
    for events in cuts:
        training = gdw.Training.load(tmp_path / f"{events}.safetensors")
        assert len(list(training.events())) == count - events
        assert same(training, whole)


@pytest.mark.parametrize(
    "engine",
    [
        {"capture": True}, {"save_memory": True}, {"precision": "bfloat16"}, {"precision": "float64"},
    ],
    ids=str,
)  # fmt: skip
def test_it_goes_on_with_every_engine(engine, tmp_path):
    experiment = tiny("gdw", **engine)
    whole, count = unbroken(experiment)
    training = cut(experiment, count // 2, tmp_path / "run.safetensors")
    list(training.events())
    assert same(training, whole)


def pictures():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (80, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.arange(80) % 2
    return gdw.data.Dataset("stripes", ("a", "b"), images, labels, pixels=gdw.pictures.pixels.CIFAR_PIXELS)


@pytest.mark.parametrize("resident", [True, False])
def test_augmented_pictures_in_channels_last_go_on_too(resident, tmp_path):
    experiment = gdw.Experiment(
        dataset="cifar10", model="cnn", method="gdw", epochs=2, batch_size=8, lr=0.01, meta_per_class=4,
        threads=1, device="cpu",
    )  # fmt: skip
    own = {"dataset": pictures(), "resident": resident}
    whole, count = unbroken(experiment, **own)
    training = cut(experiment, count // 2 + 1, tmp_path / "run.safetensors", **own)
    list(training.events())
    assert same(training, whole)


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, images):
        return self.layer(nn.functional.dropout(images.flatten(1), 0.3, self.training))


def test_a_model_that_draws_from_torchs_own_generator_goes_on_too(tmp_path):
    torch.manual_seed(5)
    whole, count = unbroken(tiny("mwnet"), model=Dropping())
    torch.manual_seed(5)
    training = gdw.Training(tiny("mwnet"), model=Dropping())
    stream = training.events()
    for _ in range(count // 2):
        next(stream)
    training.save(tmp_path / "run.safetensors")
    torch.rand(100)
    again = gdw.Training.load(tmp_path / "run.safetensors", model=Dropping())
    list(again.events())
    assert same(again, whole)


class Counting(Method):
    """Of a user: what it keeps is an attribute, an optimiser and a generator, and nothing declares them."""

    name = "counting"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.count, self.means = 0, []

    def phases(self, task, epochs):
        return [gdw.methods.Phase(self, epochs=epochs, before=self.begin)]

    def begin(self, model):
        self.scale = nn.Parameter(torch.ones(()))
        self.optimizer = torch.optim.Adam([self.scale], lr=0.01)

    def logit_gradient(self, step):
        self.count += 1
        self.means.append(step.losses.mean().detach())
        noise = torch.rand((), generator=self.generator)
        self.optimizer.zero_grad()
        (self.scale * torch.stack(self.means).mean() * noise).backward()
        self.optimizer.step()
        return self.scale.detach() * step.flows / (len(step) + self.count)


def test_a_method_of_ones_own_goes_on_without_a_word_from_its_author(tmp_path):
    def own():
        return {"method": Counting(10, generator=torch.Generator().manual_seed(3))}

    whole, count = unbroken(tiny("gdw"), **own())
    training = gdw.Training(tiny("gdw"), **own())
    stream = training.events()
    for _ in range(count // 2):
        next(stream)
    training.save(tmp_path / "run.safetensors")
    again = gdw.Training.load(tmp_path / "run.safetensors", **own())
    list(again.events())
    assert same(again, whole)
    assert again.method.count == whole.method.count == 16


def test_a_second_events_goes_on_and_a_finished_run_is_over():
    whole, count = unbroken(tiny("gdw"))
    training = gdw.Training(tiny("gdw"))
    first = training.events()
    for _ in range(7):
        next(first)
    first.close()
    assert len(list(training.events())) == count - 7
    assert list(training.events()) == []
    assert same(training, whole)
    assert training.finished


def test_a_step_that_was_interrupted_in_the_middle_is_neither_saved_nor_continued(tmp_path):
    training = gdw.Training(tiny("cross-entropy"))
    stream = training.events()
    next(stream)
    training.model.forward = lambda images: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    with pytest.raises(RuntimeError, match="interrupted in the middle of a step"):
        training.save(tmp_path / "run.safetensors")
    with pytest.raises(RuntimeError, match="interrupted in the middle of a step"):
        next(training.events())
    assert not list(tmp_path.iterdir())


def test_the_file_holds_no_pickle_and_is_read_by_safetensors(tmp_path):
    from safetensors import safe_open

    cut(tiny("gdw"), 5, tmp_path / "run.safetensors")
    with safe_open(tmp_path / "run.safetensors", "pt") as file:
        assert json.loads(file.metadata()["content"])
        assert len(file.keys()) > 20


def test_values_come_back_as_they_were(tmp_path):
    value = {
        "a": [1, 2.5, None, True, "ü"], 3: (1, [2]), "nan": float("nan"), "inf": -float("inf"), "array": np.eye(3),
        "tensors": [torch.tensor(1.0).expand(1, 1), torch.ones(0, 3), torch.ones(2, 3, dtype=torch.bfloat16).T],
    }  # fmt: skip
    checkpoint.write(tmp_path / "x", value)
    again = checkpoint.read(tmp_path / "x")
    assert repr(again) == repr(value)
    with pytest.raises(TypeError, match="cannot hold a object"):
        checkpoint.write(tmp_path / "y", {"a": object()})
    assert not (tmp_path / "y").exists()


class Evil:
    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return (type(self.proof).touch, (self.proof,))


def foreign(kind, path, proof):
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Evil(proof)))
    elif kind == "torch, hostile":
        torch.save({"config": Evil(proof), "history": "", "model": {}, "method": {}}, path)
    elif kind == "torch, other":
        torch.save({"weights": torch.ones(3)}, path)
    elif kind == "safetensors, other":
        from safetensors.torch import save_file

        save_file({"weights": torch.ones(3)}, path)
    elif kind == "empty":
        path.touch()
    elif kind == "json":
        path.write_text("{}")
    elif kind == "zip":
        path.write_bytes(b"PK\x03\x04" + bytes(100))


@pytest.mark.parametrize(
    "kind", ["pickle", "torch, hostile", "torch, other", "safetensors, other", "empty", "json", "zip"]
)
def test_a_foreign_file_is_refused_in_our_words_and_nothing_in_it_runs(kind, tmp_path):
    path, proof = tmp_path / "file.pt", tmp_path / "proof"
    foreign(kind, path, proof)
    with pytest.raises(ValueError, match="file.pt is not a saved run") as caught:
        gdw.Training.load(path)
    assert "weights_only" not in str(caught.value)
    assert not proof.exists()


def test_missing_files_folders_and_pipes_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*none.safetensors"):
        gdw.Training.load(tmp_path / "none.safetensors")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        gdw.Training.load(tmp_path)


def test_a_changed_or_cut_file_is_noticed_at_every_place(tmp_path):
    path = tmp_path / "run.safetensors"
    cut(tiny("cross-entropy"), 7, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="run.safetensors"):
            checkpoint.read(path)
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match="run.safetensors"):
            checkpoint.read(path)


def test_the_last_good_checkpoint_is_used_and_named(tmp_path):
    experiment = tiny("gdw")
    whole, _ = unbroken(experiment)
    checkpoints = Checkpoints(tmp_path, experiment, every=0)
    stream = checkpoints.events(checkpoints.training())
    for _ in range(8):
        next(stream)
    stream.close()
    content = checkpoints.newest.read_bytes()
    checkpoints.newest.write_bytes(content[: len(content) // 2])
    again = Checkpoints(tmp_path, experiment)
    training = again.training()
    assert f"{again.newest} is not a saved run, or it was cut off" in again.note
    assert f"going on from {again.previous}" in again.note
    list(again.events(training))
    assert same(training, whole)
    for path in (again.newest, again.previous):
        path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="Without these files the run starts from the beginning"):
        again.training()


def test_other_data_and_other_models_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    cut(tiny("gdw"), 7, path)
    other = gdw.load_dataset("digits")
    task = gdw.make_task(other, noise="uniform", rate=0.4, train_per_class=40, meta_per_class=5, seed=1)
    with pytest.raises(ValueError, match="run.safetensors does not fit .*: it was made with other data"):
        gdw.Training.load(path, task=task)
    with pytest.raises(ValueError, match="run.safetensors does not fit"):
        gdw.Training.load(path, model=Dropping())


def test_a_file_that_does_not_say_which_pictures_it_had_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    cut(tiny("gdw"), 7, path)
    content = checkpoint.read(path)
    checkpoint.write(path, content | {"data": "0" * 64})  # as version 0.2 wrote it: a digest of the labels
    with pytest.raises(ValueError, match="it is of version 0.2, which did not say which pictures it had"):
        gdw.Training.load(path)


def test_a_run_trained_with_other_seeds_is_saved_as_finished(tmp_path):
    many = gdw.ManySeeds(tiny("gdw"), [0, 1])
    list(many.events())
    many.trainings[1].save(tmp_path / "run.safetensors")
    again = gdw.Training.load(tmp_path / "run.safetensors")
    assert again.history == many.histories[1]
    assert list(again.events()) == []


def test_a_diverged_run_diverges_again(tmp_path):
    training = gdw.Training(tiny("cross-entropy", lr=1e30))
    for _ in range(2):
        with pytest.raises(gdw.TrainingDiverged):
            list(training.events())
    training.save(tmp_path / "run.safetensors")
    with pytest.raises(gdw.TrainingDiverged):
        list(gdw.Training.load(tmp_path / "run.safetensors").events())


def test_a_run_goes_on_wherever_its_pictures_are_now(tmp_path):
    folder = cifar_folder(tmp_path / "pets", train=3, test=1)

    def there(folder):
        return gdw.Experiment(
            dataset=str(folder),
            method="cross-entropy",
            model="cnn",
            epochs=3,
            meta_per_class=1,
            batch_size=4,
            device="cpu",
        )

    first = Checkpoints(tmp_path / "kept", there(folder), every=0)
    next(first.events(first.training()))
    moved = folder.rename(tmp_path / "moved")
    second = Checkpoints(tmp_path / "kept", there(moved))
    training = second.training()
    assert training.experiment.dataset == str(moved)
    assert not training.finished
    whole, count = unbroken(there(moved))
    assert len(list(second.events(training))) == count - 1
    assert training.history == whole.history
    assert gdw.Training(from_config(training.history.config)).experiment.dataset == str(moved)


@pytest.mark.parametrize("changed", [{"lr": 1.0}, {"epochs": 9}, {"method": "cross-entropy"}, {"rate": 0.1}])
def test_another_experiment_is_refused(changed, tmp_path):
    path = tmp_path / "run.safetensors"
    cut(tiny("gdw"), 7, path)
    with pytest.raises(ValueError, match=f"holds another experiment, with other .*{next(iter(changed))}"):
        gdw.Training.load(path, tiny("gdw").with_(**changed))
    assert gdw.Training.load(path, tiny("gdw")).experiment == tiny("gdw")


PLUGIN = """
import gdw


@gdw.methods.register
class Changing(gdw.methods.CrossEntropy):
    name, title = "changing", "one that changes"

    def logit_gradient(self, step):
        return FACTOR * step.flows / len(step)
"""


def test_a_run_of_a_plugin_that_has_changed_does_not_go_on(tmp_path):
    def begun_with(factor, *, finished=False):
        METHODS.pop("changing", None)
        sys.modules.pop(f"{PLUGIN_PREFIX}changing", None)
        (tmp_path / "changing.py").write_text(PLUGIN.replace("FACTOR", factor))
        load_plugins([str(tmp_path / "changing.py")])
        checkpoints = Checkpoints(tmp_path / "kept", tiny("changing"), every=0)
        stream = checkpoints.events(training := checkpoints.training())
        next(stream, None)
        if finished:
            list(stream)
        return training

    try:
        begun_with("1.0")
        begun_with("1.0")
        with pytest.raises(ValueError, match=r"changing\.py had other code for the method changing then"):
            begun_with("0.5")
        begun_with("1.0", finished=True)
        with pytest.warns(UserWarning, match=r"changing\.py had other code for the method changing then"):
            assert begun_with("0.5").finished
    finally:
        METHODS.pop("changing", None)
        sys.modules.pop(f"{PLUGIN_PREFIX}changing", None)


def test_the_record_says_where_a_run_went_on_otherwise(tmp_path):
    """A later version, another machine: each made a part of the numbers."""
    path = tmp_path / "run.safetensors"
    cut(tiny("gdw"), 7, path)
    assert "continued" not in gdw.Training.load(path).history.metadata
    content = checkpoint.read(path)
    content["history"]["metadata"] |= {"torch": "1.0", "commit": "of long ago"}
    checkpoint.write(path, content)
    again = gdw.Training.load(path)
    assert again.history.metadata["torch"] == "1.0"
    assert again.history.metadata["continued"][0]["torch"] == torch.__version__
    again.save(path)
    assert len(gdw.Training.load(path).history.metadata["continued"]) == 1  # here, as before
    content = checkpoint.read(path)
    content["history"]["metadata"]["continued"].append({"torch": "1.1", "gpu": "a large one"})
    checkpoint.write(path, content)
    again = gdw.Training.load(path)
    continued = again.history.metadata["continued"]
    assert [one["torch"] for one in continued] == [torch.__version__, "1.1", torch.__version__]
    assert continued[-1]["gpu"] is None
    list(again.events())
    assert record(again.history)["made"]["continued"][0]["torch"] == torch.__version__
