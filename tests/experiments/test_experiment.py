"""Experiment: the same numbers every time, its run code, its errors, and what is saved."""

import copy
import dataclasses
import json
import math
import pickle
import threading

import attrs
import numpy as np
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gdw
from gdw.experiments.experiment import NAMES, from_config
from gdw.experiments.fields import PRESETS, resolve_device
from gdw.methods import METHODS, Method
from tests.fuzz import result_or_sentence
from tests.picture_files import cifar_folder
from tests.runs import trained

NO_FILES = pytest.mark.filterwarnings("ignore:this run code does not say what its files hold")
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
        ({"lr": -1.0}, "lr must be at least 0"),
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
        ({"settings": {"step_size": -1}}, "step_size must be at least 0"),
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


def side_by_side(layer):
    return layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_layout_in_memory_moves_nothing_but_rounding(tmp_path):
    ends = []
    folder = cifar_folder(tmp_path, train=12, test=2)
    for channels_last in (False, None):
        experiment = gdw.Experiment(
            dataset=str(folder), model="cnn", epochs=1, batch_size=20, meta_per_class=2, rate=0.6, precision="float64",
            device="cpu", channels_last=channels_last,
        )  # fmt: skip
        training = trained(experiment)
        assert side_by_side(training.model[0]) == (channels_last is None)
        ends.append(torch.nn.utils.parameters_to_vector([p.contiguous() for p in training.model.parameters()]))
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=1e-9)
    assert gdw.Experiment.from_code(experiment.code) == experiment


class Viewing(torch.nn.Sequential):
    """A network that counts on the usual layout."""

    def forward(self, images):
        return self[1](self[0](images).view(len(images), -1))


def test_a_network_of_ones_own_keeps_its_layout_unless_asked():
    own = Viewing(torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(4 * 36, 10))
    few = {"epochs": 1, "train_per_class": 20, "test_per_class": 5, "device": "cpu"}
    assert gdw.run(gdw.Experiment(**few), model=own).error is None
    volumes = torch.nn.Sequential(torch.nn.Unflatten(1, (1, 1)), torch.nn.Conv3d(1, 4, (1, 3, 3)), torch.nn.Flatten())
    both = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), volumes, torch.nn.Linear(4 * 36, 10))
    asked = gdw.Training(gdw.Experiment(channels_last=True, **few), model=both)
    assert side_by_side(asked.model[0])
    assert len(list(asked.events()))


def test_what_was_left_to_the_program_is_decided():
    left, told = gdw.Experiment().engine, gdw.Experiment(channels_last=False, capture=False).engine
    assert left.decided(channels_last=True, capture=False) == {"channels_last": True, "capture": False}
    assert told.decided(channels_last=True, capture=True) == {}


FIELDS = {
    "dataset": st.sampled_from(["digits", "clouds", "a folder/with spaces & more", "C:\\pictures", "./日本 = ü"])
    | st.text().map(lambda text: f"./{text}"),
    "noise": st.sampled_from(["uniform", "flip", "pair", "instance-dependent", "human:C:\\labels.csv:key"])
    | st.floats(0, 1).map(lambda p: ((1 - p, p), (p, 1 - p)))
    | st.just([[1, 0], [0, 1]])
    | st.just(np.eye(3)),
    "rate": st.floats(0, 1) | st.sampled_from([0, 1, np.float32(0.5), -0.0]),
    "imbalance": st.floats(0.001, 1) | st.just(1),
    "imbalance_kind": st.sampled_from(["exponential", "step"]),
    "method": st.sampled_from(sorted(METHODS)),
    "seed": st.integers() | st.just(np.int64(3)),
    "model": st.none() | st.sampled_from(["mlp", "resnet32"]),
    "epochs": st.none() | st.integers(1, 10**9),
    "batch_size": st.none() | st.integers(1, 10**6),
    "lr": st.none() | st.floats(0, 1e300) | st.integers(0, 3),
    "momentum": st.none() | st.floats(0, 0.999),
    "weight_decay": st.none() | st.floats(0, 10),
    "meta_per_class": st.none() | st.integers(1, 1000),
    "validation_per_class": st.integers(0, 1000),
    "max_prob": st.none() | st.floats(0.1, 1) | st.just(1),
    "train_per_class": st.none() | st.integers(1, 1000),
    "image_size": st.none() | st.integers(1, 4096),
    "augment": st.booleans(),
    "flip": st.booleans(),
    "threads": st.none() | st.integers(0, 256),
    "device": st.sampled_from(["auto", "cpu", "cuda:1"]),
    "precision": st.sampled_from(["float32", "float64", "bfloat16"]),
    "capture": st.none() | st.booleans(),
    "channels_last": st.none() | st.booleans(),
}


@NO_FILES
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_every_accepted_experiment_reads_back_from_its_code_and_its_record(given_fields):
    experiment = gdw.Experiment(**given_fields)
    again = gdw.Experiment.from_code(experiment.code)
    assert again == experiment
    assert hash(again) == hash(experiment)
    assert gdw.Experiment.from_code(f"  {experiment.code}\n").code == again.code == experiment.code
    assert from_config(json.loads(json.dumps(experiment.config()))) == experiment
    assert from_config(json.loads(json.dumps(experiment.everything()))).everything() == experiment.everything()
    assert experiment.with_() == experiment
    assert experiment.with_().engine == experiment.engine


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"rate": 0}, {"rate": 0.0}), ({"rate": -0.0}, {}), ({"imbalance": 1}, {}), ({"settings": {"clip": 1}}, {}),
        ({"lr": np.float64(0.1)}, {}), ({"seed": np.int32(0)}, {}), ({"settings": {"step_size": 0.3}}, {}),
        ({"noise": [[1, 0], [0, 1]]}, {"noise": ((1.0, 0.0), (0.0, 1.0))}),
        ({"device": "cpu", "threads": 2, "capture": True, "precision": "float64", "save_memory": True}, {}),
    ],
)  # fmt: skip
def test_equal_experiments_have_one_code(one, other):
    one, other = gdw.Experiment(**one), gdw.Experiment(**other)
    assert one == other
    assert hash(one) == hash(other)
    assert one.code == other.code


def test_what_is_not_exact_is_another_experiment():
    lower = gdw.Experiment(precision="bfloat16")
    assert lower != gdw.Experiment()
    assert gdw.Experiment.from_code(lower.code) == lower


NUMBERS = {
    "rate", "imbalance", "lr", "momentum", "weight_decay", "max_prob", "seed", "epochs", "batch_size", "meta_per_class",
    "validation_per_class", "train_per_class", "test_per_class", "image_size", "features_size", "threads",
}  # fmt: skip
SWITCHES = {"augment", "flip", "mirrored", "save_memory", "channels_last", "capture", "compile"}
WORDS = {
    "dataset", "noise", "imbalance_kind", "method", "settings", "model", "features", "confirmed", "device",
    "precision", "content", "pretrained",
}  # fmt: skip


def test_every_field_is_one_of_these():
    assert set(NAMES) == NUMBERS | SWITCHES | WORDS


@pytest.mark.parametrize("name", sorted(NUMBERS))
@pytest.mark.parametrize("value", [-3, math.inf, math.nan, "1", True, [1], 1 + 2j, {}], ids=str)
def test_a_number_of_the_wrong_kind_is_refused_by_name(name, value):
    if name == "seed" and value == -3:
        return  # any whole number is a seed
    with pytest.raises(ValueError, match=name):
        gdw.Experiment(**{name: value})


@pytest.mark.parametrize("name", sorted(SWITCHES))
@pytest.mark.parametrize("value", ["false", 1, 0, None, []], ids=str)
def test_a_switch_is_true_or_false(name, value):
    if value is None and name in ("channels_last", "capture"):
        assert gdw.Experiment(**{name: None}).engine == gdw.Experiment().engine  # the program decides
        return
    with pytest.raises(ValueError, match=f"{name} must be true or false"):
        gdw.Experiment(**{name: value})


@pytest.mark.parametrize("name", sorted(WORDS))
@pytest.mark.parametrize("value", ["no such thing", 3, b"x", [3], {"no such": 3}, ""], ids=str)
def test_a_name_nobody_knows_is_refused_by_its_kind(name, value):
    if name in ("features", "confirmed", "pretrained") and value == "no such thing":
        return  # timm knows its networks' names and the disk its tables: they are asked when the pictures are read
    with pytest.raises(ValueError, match=name.replace("_", " ").removesuffix("s")):
        gdw.Experiment(**{name: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip": math.inf}, "clip must be a finite number"), ({"clip": "1"}, "clip must be a number"),
        ({"zero_mean": 1}, "zero_mean must be true or false"), ({"meta_every": 1.5}, "meta_every must be a whole"),
    ],
)  # fmt: skip
def test_a_setting_of_the_wrong_kind_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        gdw.Experiment(settings=settings)


@given(st.text() | st.text().map(lambda text: f"gdw1:{text}~0000") | st.binary().map(repr))
def test_any_text_as_a_run_code_is_a_result_or_a_sentence(text):
    assert isinstance(result_or_sentence(lambda: gdw.Experiment.from_code(text)), gdw.Experiment | None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON | st.dictionaries(st.sampled_from(sorted(NUMBERS | SWITCHES | WORDS)), JSON, max_size=4))
def test_any_json_as_a_config_is_a_result_or_a_sentence(config):
    assert isinstance(result_or_sentence(lambda: from_config(config)), gdw.Experiment | None)


@pytest.mark.parametrize("own", [True, 3, ["data"], "data"])
def test_a_config_whose_own_objects_are_no_dictionary_is_refused(own):
    with pytest.raises(ValueError, match="'own' must be a dictionary of the objects"):
        from_config({"own": own})


def test_codes_of_earlier_versions_name_the_engine_and_still_load():
    old = "gdw1:dataset=digits&method=only-clean&device=cpu~afbb"
    assert gdw.Experiment.from_code(old) == gdw.Experiment(method="only-clean")
    assert gdw.Experiment.from_code(old).device == "cpu"
    fast = "gdw1:dataset=cifar10&rate=0.6&method=gdw&device=cuda&channels_last=true&capture=true~50ec"
    assert gdw.Experiment.from_code(fast).engine.channels_last is True
    assert gdw.Experiment.from_code(fast) == gdw.Experiment(dataset="cifar10", rate=0.6)
    for code in ("gdw1:dataset=digits&rate=0.6&method=gdw~4978", "gdw1:dataset=digits&imbalance=0.02&method=gdw~6c1e"):
        assert gdw.Experiment.from_code(code).code == code


EXACT_WAYS = ("auto", "forward", "reuse", "double-backward")


@pytest.mark.parametrize("way", EXACT_WAYS)
def test_an_exact_way_that_a_record_of_version_02_names_is_read_as_the_plain_one(way):
    plain = gdw.Experiment(rate=0.6)
    assert from_config(plain.everything() | {"derivative": way}) == plain
    assert "derivative" not in from_config(plain.everything() | {"derivative": way}).everything()


@pytest.mark.parametrize("way", ["no-virtual-step", "finite-difference", "first-order", "last-layer"])
def test_an_approximation_that_it_names_is_refused_and_says_where_it_is(way):
    where = r"approximations are in notebook 07 \(gdw_notebooks/examples/approximations\.py\)"
    with pytest.raises(ValueError, match=where):
        from_config(gdw.Experiment(rate=0.6).config() | {"derivative": way})
    with pytest.raises(ValueError, match=where):
        gdw.Experiment.from_code(f"gdw1:dataset=digits&rate=0.6&method=gdw&derivative={way}~0000")


def test_a_record_says_what_ran():
    class Half(Method):
        name = "half"

        def logit_gradient(self, step):
            return 0.5 * step.flows / len(step)

    quick = QUICK.with_(epochs=1)
    data = gdw.load_dataset("digits")
    mine = dataclasses.replace(data, name="my digits", origin=None)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    config = gdw.run(quick, dataset=mine, method=Half(), model=model).config
    assert (config["dataset"], config["method"], config["model"]) == ("my digits", "half", "Sequential")
    assert {kind: name.split(" ")[0] for kind, name in config["own"].items()} == {
        "dataset": "my", "model": "Sequential", "method": "half",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"cannot be made again .*dataset my digits"):
        from_config(config)
    wider = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8), torch.nn.Linear(8, 10))
    filed = dataclasses.replace(mine, paths=tuple(map(str, range(len(mine.labels)))))
    relabelled = dataclasses.replace(filed, labels=(filed.labels + 1) % 10)
    lazy = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    lazy.get_extra_state = lambda: {"a": 1}
    usual = {"dataset": mine, "method": Half(), "model": model}
    found = [gdw.run(quick, **usual | other).config["own"] for other in (
        {}, {"model": lazy}, {"model": wider}, {"dataset": filed}, {"dataset": relabelled},
    )]  # fmt: skip
    assert found[0] == found[1] == config["own"]
    assert len(set(map(str, found))) == 4
    history = gdw.run(quick, dataset=data)  # read beforehand: still the one that the experiment names
    assert history.config == quick.config()
    assert history.metadata["engine"] == attrs.asdict(quick.engine)
    assert from_config(history.metadata["engine"] | history.config).everything() == quick.everything()
    task = gdw.Training(quick).task
    assert gdw.run(quick, task=task).config["own"] == {"task": f"{len(task.train)} images of 10 classes"}


def test_what_was_given_stays_given_and_the_rest_follows_the_preset():
    assert gdw.Experiment(epochs=60).with_(dataset="mnist").epochs == 60  # the preset of digits says the same
    assert gdw.Experiment().with_(dataset="mnist").epochs == gdw.Experiment(dataset="mnist").epochs != 60
    given = {"lr": 0.1, "batch_size": 100, "meta_per_class": 5, "threads": 1, "model": "mlp", "momentum": 0.9}
    moved = gdw.Experiment(**given).with_(dataset="cifar10").with_(method="mwnet").with_(features="resnet18")
    assert {name: getattr(moved, name) for name in given} == given
    own = gdw.Experiment(settings={"step_size": 0.3}).with_(dataset="mnist")  # again what the preset of digits says
    assert own.settings["step_size"] == 0.3
    assert "clip" not in own.settings
    assert "step_size" not in own.with_(method="mwnet").settings


def test_what_an_experiment_is_made_of_cannot_be_changed():
    experiment = gdw.Experiment(method="class-balanced", settings={"beta": 0.9}, noise=[[0.9, 0.1], [0, 1]])
    code, number = experiment.code, hash(experiment)
    for change in (
        lambda: experiment.settings.__setitem__("beta", 5.0), lambda: experiment.settings.update(beta=5.0),
        lambda: experiment.settings.pop("beta"), lambda: experiment.settings.clear(),
        lambda: experiment.settings.setdefault("beta", 0.5), lambda: experiment.settings.__ior__({"beta": 5.0}),
        lambda: experiment.settings.__delitem__("beta"),
        lambda: experiment.noise[0].__setitem__(0, 0.5), lambda: experiment.given.update(epochs=3),
        lambda: setattr(experiment, "seed", 3), lambda: setattr(experiment.recipe, "epochs", 3),
        lambda: PRESETS["digits"].methods["gdw"].update(step_size=9.0),
    ):  # fmt: skip
        with pytest.raises((TypeError, AttributeError)):
            change()
    assert (experiment.code, hash(experiment)) == (code, number)
    for again in (pickle.loads(pickle.dumps(experiment)), copy.deepcopy(experiment)):
        assert (again, again.code, again.settings) == (experiment, code, experiment.settings)


@pytest.mark.parametrize("as_table", [pandas.DataFrame, lambda rows, index, columns: {
    true: dict(zip(columns, row, strict=True)) for true, row in zip(index, rows, strict=True)
}])  # fmt: skip
def test_a_matrix_by_name_is_read_by_its_names(as_table):
    names = [str(label) for label in reversed(range(10))]
    rows = np.full((10, 10), 0.0)
    rows[np.arange(10), (np.arange(10) + 1) % 10] = 1.0  # each class to the one named before it
    named = gdw.Experiment(noise=as_table(rows, index=names, columns=names), epochs=1)
    record = json.loads(json.dumps(named.config()))
    for experiment in (named, gdw.Experiment.from_code(named.code), from_config(record)):
        assert experiment == named
        task = gdw.Training(experiment).task
        assert torch.equal(task.train.labels, (task.true_labels - 1) % 10)
    with pytest.raises(ValueError, match="rows and columns of the noise matrix must be called"):
        gdw.Experiment(noise=as_table(rows, index=names, columns=[f"class {name}" for name in names]))
