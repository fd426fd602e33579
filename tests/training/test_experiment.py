"""Experiment: the same numbers every time, its run code, its errors, and what is saved."""

import json
import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gdw
from gdw.methods import METHODS, Method
from gdw.training.experiment import from_config
from gdw.training.run import resolve_device
from tests.pictures import cifar_folder

QUICK = gdw.Experiment(noise="uniform", rate=0.6, epochs=3, device="cpu")


def test_the_same_experiment_gives_the_same_history_bit_for_bit():
    first = gdw.run(QUICK)
    torch.manual_seed(123)  # the process's random state has no say
    assert gdw.run(QUICK) == first
    assert gdw.run(QUICK.with_(seed=1)) != first


def test_two_runs_at_once_in_two_threads():
    experiments = [QUICK, QUICK.with_(method="mwnet", seed=5)]
    expected = [gdw.run(e) for e in experiments]
    found = [None, None]

    def work(place):
        found[place] = gdw.run(experiments[place])

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


@given(
    noise=st.sampled_from(["uniform", "symmetric", "flip", ((0.9, 0.1), (0.25, 0.75))]),
    rate=st.floats(0, 1), imbalance=st.floats(0.001, 1), seed=st.integers(0, 10**6),
    method=st.sampled_from(sorted(METHODS)), epochs=st.none() | st.integers(1, 200),
    dataset=st.sampled_from(["digits", "clouds", "cifar10", "a folder/with spaces & more"]),
)  # fmt: skip
def test_a_run_code_gives_the_same_experiment_again(**fields):
    experiment = gdw.Experiment(**fields)
    assert gdw.Experiment.from_code(experiment.code) == experiment
    assert gdw.Experiment.from_code(f"  {experiment.code}\n").code == experiment.code
    assert from_config(json.loads(json.dumps(experiment.config()))) == experiment


def test_a_run_code_is_short_and_keeps_the_methods_settings():
    assert len(QUICK.code) < 70
    changed = QUICK.with_(settings={"zero_mean": False, "step_size": 0.5})
    assert gdw.Experiment.from_code(changed.code).settings["zero_mean"] is False
    assert changed.settings["clip"] == QUICK.settings["clip"]


@pytest.mark.parametrize("code", ["", "hello", "gdw9:dataset=digits~0000", "gdw1:~0000"])
def test_what_is_no_run_code_is_refused(code):
    with pytest.raises(ValueError, match="not a run code"):
        gdw.Experiment.from_code(code)


def test_a_run_code_changed_by_hand_is_noticed():
    with pytest.raises(ValueError, match="changed by hand"):
        gdw.Experiment.from_code(QUICK.code.replace("0.6", "0.4"))
    with pytest.raises(ValueError, match="unknown fields: colour"):
        gdw.Experiment.from_code("gdw1:colour=red~0000")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rate": 1.4}, r"rate must lie in \[0, 1\], got 1.4"),
        ({"imbalance": 0}, r"imbalance must lie in \(0, 1\], got 0"),
        ({"method": "gwd"}, "unknown method 'gwd'; did you mean 'gdw'"),
        ({"device": "coda"}, "unknown device 'coda'; did you mean 'cuda'"),
        ({"precision": "float16"}, "unknown precision"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"lr": -1.0}, "lr must not be negative"),
        ({"settings": {"stepsize": 1}}, "unknown setting of gdw 'stepsize'; did you mean 'step_size'"),
    ],
)
def test_bad_fields_are_refused_at_once(fields, message):
    with pytest.raises(ValueError, match=message):
        gdw.Experiment(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dataset": "dgits"}, "unknown dataset 'dgits'; did you mean 'digits'"),
        ({"noise": "unifrm"}, "unknown noise 'unifrm'; did you mean 'uniform'"),
        ({"model": "resnet3"}, "unknown model 'resnet3'; did you mean 'resnet32'"),
        ({"imbalance_kind": "exponentail", "imbalance": 0.1}, "did you mean 'exponential'"),
        ({"noise": ((0.5, 0.5), (0.1, 0.1))}, "matrix|rows"),
        ({"meta_per_class": 500}, "class 0 has only"),
        ({"batch_size": 5000}, "batch_size must not exceed"),
        ({"settings": {"step_size": -1}}, "step_size must lie in"),
    ],
)
def test_bad_input_is_refused_before_training(fields, message):
    with pytest.raises(ValueError, match=message):
        gdw.Training(gdw.Experiment(**fields))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match="'cuda' asked for, but this machine has none"):
        gdw.Training(QUICK.with_(device="cuda"))
    assert resolve_device("auto") == torch.device("cpu")


def test_another_method_brings_its_own_settings():
    assert QUICK.settings["step_size"] == 0.3
    assert QUICK.with_(method="mwnet").settings == {"weight_net_lr": 0.1}
    assert gdw.Experiment(dataset="cifar10").settings == {}
    assert gdw.Experiment(dataset="cifar10").model == "resnet32"
    assert hash(QUICK) == hash(QUICK.with_())
    assert QUICK.with_(seed=2).epochs == 3


def test_a_trained_run_can_be_saved_and_had_again(tmp_path):
    training = gdw.Training(QUICK)
    for _ in training.events():
        pass
    training.save(tmp_path / "run.pt")
    again = gdw.Training.load(tmp_path / "run.pt")
    assert again.history == training.history
    assert again.experiment == training.experiment
    images = training.task.pixels.normalise(training.task.test.images)
    assert torch.equal(again.model.eval()(images), training.model.eval()(images))
    losses = torch.linspace(0, 5, 7)
    assert torch.equal(again.method.weight_net(losses), training.method.weight_net(losses))
    assert again.method.optimizer.state_dict()["state"].keys() == {0, 1, 2, 3}


def test_a_method_and_a_model_of_ones_own():
    class Half(Method):
        name = "half"

        def logit_gradient(self, step):
            return 0.5 * step.flows / len(step)

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    history = gdw.run(QUICK, method=Half(), model=model)
    assert history["flow_weight"][-1, 1] == pytest.approx([0.5, 0.5, 0.5])
    assert history["test_accuracy"][-1] > 30


def test_float64_runs_are_float64():
    training = gdw.Training(QUICK.with_(precision="float64", epochs=1))
    for event in training.events():
        if isinstance(event, gdw.BatchDone):
            assert event.gradient.dtype is torch.float64


def test_a_field_that_came_later_changes_no_older_run_code():
    assert not {"train_per_class", "test_per_class", "image_size", "augment"} & QUICK.config().keys()
    smaller = QUICK.with_(train_per_class=20, test_per_class=10, augment=False)
    assert smaller.config()["train_per_class"] == 20
    assert gdw.Experiment.from_code(smaller.code) == smaller
    assert from_config(smaller.config()) == smaller
    training = gdw.Training(smaller)
    assert (len(training.task.train), len(training.task.test)) == (200, 100)


def test_augmentation_can_be_left_out(tmp_path):
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for place in range(9):
            shades = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(shades).save(tmp_path / name / f"{place}.png")
    folder = gdw.Experiment(dataset=str(tmp_path), meta_per_class=1, epochs=1, batch_size=4, model="cnn", device="cpu")
    assert gdw.Training(folder).task.pixels.flip
    still = gdw.Training(folder.with_(augment=False)).task.pixels
    assert (still.pad, still.flip) == (0, False)
    assert gdw.run(folder.with_(image_size=8)) != gdw.run(folder)


def test_the_layout_in_memory_moves_nothing_but_rounding(tmp_path):
    ends = []
    folder = cifar_folder(tmp_path, train=12, test=2)
    for channels_last in (False, True):
        experiment = gdw.Experiment(
            dataset=str(folder), model="cnn", epochs=2, batch_size=20, meta_per_class=2, rate=0.6, precision="float64",
            device="cpu", channels_last=channels_last,
        )  # fmt: skip
        training = gdw.Training(experiment)
        assert training.model[0].weight.is_contiguous(memory_format=torch.channels_last) == channels_last
        for _ in training.events():
            pass
        ends.append(torch.nn.utils.parameters_to_vector([p.contiguous() for p in training.model.parameters()]))
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=1e-9)
    assert gdw.Experiment.from_code(experiment.code) == experiment
