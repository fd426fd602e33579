"""Methods, networks, data sets and noise of one's own: one way to register them, known wherever a name is known."""

import json
import math
import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
import torch
from torch import nn

import gdw
from gdw.__main__ import main
from gdw.comparison.records import finished
from gdw.comparison.sweep import plugins_for, run_all
from gdw.data.datasets import load_dataset
from gdw.data.task import make_task
from gdw.experiments.provenance import own_code
from gdw.methods.plugins import REGISTRIES, load_plugins
from gdw.networks.classifiers import build_model
from gdw.registry import Registry
from gdw.training.many import ManySeeds
from tests.own_method import nothing_stays_registered

OWN = """
import gdw, math, torch
from torch import nn

@gdw.methods.register
class Half(gdw.methods.Method):
    name, title, source = "half", "half", "a test"

    def logit_gradient(self, step):
        return 0.5 * step.flows / len(step)

@gdw.register_network
def flat(input_shape, num_classes):
    size = math.prod(input_shape)
    return nn.Sequential(nn.Flatten(), nn.LayerNorm(size), nn.Linear(size, num_classes))

@gdw.register_dataset
def stripes():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    images = torch.rand(90, 1, 6, 6, generator=random)
    images[torch.arange(90), 0, labels] += 1
    return torch.utils.data.TensorDataset(images, labels)

@gdw.register_noise
def darker(images, labels, rate, classes, generator):
    dark = images.flatten(1).mean(1) < images.mean()
    wrong = dark & (torch.rand(len(labels), generator=generator) < rate)
    return torch.where(wrong, (labels + 1) % classes, labels)
"""
NAMED = {"method": "half", "model": "flat", "dataset": "stripes", "noise": "darker"}
QUICK = {"rate": 0.8, "epochs": 2, "batch_size": 20, "meta_per_class": 3, "device": "cpu"}


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "own_things.py"
    file.write_text(OWN, "utf-8")
    with nothing_stays_registered():
        yield file


def test_all_four_kinds_are_known_by_name_and_say_where_they_are_from(plugin):
    assert load_plugins([str(plugin)]) == (str(plugin),)
    history = gdw.run(experiment := gdw.Experiment(**NAMED, **QUICK))
    own = history.metadata["own_code"]
    assert sorted(own) == ["dataset stripes", "method half", "model flat", "noise darker"]
    assert {place["file"] for place in own.values()} == {str(plugin)}
    assert len({place["code"] for place in own.values()}) == 1
    assert history.class_names == ("0", "1", "2")
    assert 0.1 < history.wrong_label_rate < 0.7
    assert gdw.Experiment.from_code(experiment.code) == experiment
    assert plugins_for([experiment, gdw.Experiment()]) == (str(plugin),)
    assert own_code(gdw.Experiment()) == {}
    again = gdw.run(experiment)
    assert again == history  # the start of a network of one's own is decided by the seed too


def test_the_command_line_runs_them_and_runs_them_again_when_their_file_has_changed(plugin, tmp_path, capsys):
    records = tmp_path / "runs.jsonl"
    command = ["run", "--plugin", str(plugin), "--json", str(records)]
    for name, value in {**NAMED, **QUICK}.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    assert main(command) == 0
    assert "half" in capsys.readouterr().out
    experiment = gdw.Experiment(**NAMED, **QUICK)
    assert finished([experiment], records) != [None]
    line = json.loads(records.read_text("utf-8"))
    line["made"]["own_code"]["noise darker"]["code"] = "0" * 16
    records.write_text(json.dumps(line) + "\n", "utf-8")
    with pytest.warns(UserWarning, match="1 records are of plugins or weights that have changed since"):
        assert finished([experiment], records) == [None]


def test_a_worker_that_knows_nothing_finds_them(plugin):
    load_plugins([str(plugin)])

    class Fresh(Executor):
        """Works here, after it has forgotten them, as a process that has just started."""

        def submit(self, function, /, *given):
            for field, name in NAMED.items():
                del REGISTRIES[field][name]
            del sys.modules["gdw_plugin_own_things"]
            done = Future()
            done.set_result(function(*given))
            return done

    (history,) = run_all([gdw.Experiment(**NAMED, **QUICK)], Fresh())
    assert history.error is None
    assert history == gdw.run(gdw.Experiment(**NAMED, **QUICK))


def test_what_was_typed_in_reaches_no_other_process(plugin, monkeypatch):
    def typed(input_shape, num_classes):
        return nn.Flatten()

    monkeypatch.setattr(typed, "__module__", "__main__")
    gdw.register_network(typed)
    with pytest.raises(ValueError, match="the model 'typed' is defined in a notebook or in the script itself"):
        plugins_for([gdw.Experiment(model="typed")])


def made(name, *arguments):
    """A function of that name with these arguments, as a cell of a notebook would define it."""
    space = {}
    exec(f"def {name}({', '.join(arguments)}):\n    return None", space)
    return space[name]


@pytest.mark.parametrize(
    ("register", "arguments", "taken"),
    [
        (gdw.register_network, ("input_shape", "num_classes"), "mlp"),
        (gdw.register_dataset, (), "digits"),
        (gdw.register_noise, ("images", "labels", "rate", "classes", "generator"), "uniform"),
    ],
    ids=["network", "dataset", "noise"],
)
def test_one_rule_for_names(plugin, register, arguments, taken):
    first = made("mine_own", *arguments)
    assert register(first) is first
    register(first)
    with pytest.raises(ValueError, match="named .* exists already"):
        register(made(taken, *arguments))
    with pytest.raises(TypeError, match="takes others"):
        register(made("other", *arguments, "one_more"))
    with pytest.raises(TypeError, match="is a function with a name"):
        register(lambda *given: None)
    with pytest.raises(TypeError, match="is a function with a name"):
        register("mine")


def test_one_file_cannot_take_anothers_name(plugin, tmp_path):
    load_plugins([str(plugin)])
    other = tmp_path / "other" / "own_things.py"
    other.parent.mkdir()
    other.write_text(OWN, "utf-8")
    with pytest.raises(ValueError, match=r"a method named 'half' exists already \(from .*own_things.py\)"):
        load_plugins([str(other)])


def test_no_class_takes_a_built_in_methods_name_by_having_its_classes_name(plugin):
    class GDW(gdw.methods.Method):
        name, title, source = "gdw", "mine", "a test"

        def logit_gradient(self, step):
            return step.flows

    GDW.__qualname__ = "GDW"
    with pytest.raises(ValueError, match=r"a method named 'gdw' exists already \(one of gdw's own\)"):
        gdw.methods.register(GDW)


def test_a_registry_is_asked_by_name():
    known = Registry("colour", {"red": 1, "green": 2})
    assert known.find("red") == 1
    with pytest.raises(ValueError, match="unknown colour 'gren'; did you mean 'green'"):
        known.find("gren")


def test_a_data_set_may_bring_its_own_test_set_and_grey_pictures(plugin):
    class Grey(torch.utils.data.Dataset):
        classes = ("a", "b")

        def __init__(self, count):
            self.count = count

        def __len__(self):
            return self.count

        def __getitem__(self, place):
            return torch.full((1, 8, 8), place % 2 * 9, dtype=torch.uint8), place % 2

    @gdw.register_dataset
    def grey():
        return Grey(40), Grey(10)

    data = load_dataset("grey")
    assert (data.name, data.class_names, len(data.test_labels)) == ("grey", ("a", "b"), 10)
    assert len(make_task(data, meta_per_class=2).test) == 10
    assert (data.pixels.flip, data.pixels.pad, data.pixels.mean) == (True, 1, pytest.approx((4.5 / 255,)))
    with pytest.raises(ValueError, match="grey has a size of its own"):
        load_dataset("grey", image_size=3)

    @gdw.register_dataset
    def uneven():
        return Grey(40), torch.utils.data.TensorDataset(torch.rand(6, 3), torch.arange(6) % 3)

    with pytest.raises(ValueError, match="its test set has the classes"):
        load_dataset("uneven")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda labels: labels[:-1], r"noise mine must give whole numbers \[50\], got torch.int64 of shape \(49,\)"),
        (lambda labels: labels + 0.5, "must give whole numbers"),
        (lambda labels: labels + 10, "labels by noise mine must lie in 0 ... 9, got 10 to 1"),
    ],
)
def test_noise_that_gives_no_labels_is_refused(plugin, given, message):
    @gdw.register_noise
    def mine(images, labels, rate, classes, generator):
        return given(labels)

    with pytest.raises(ValueError, match=message):
        make_task(load_dataset("digits"), noise="mine", train_per_class=5)


def test_the_seed_says_what_a_network_draws_in_training(plugin, tmp_path):
    @gdw.register_network
    def dropping(input_shape, num_classes):
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(math.prod(input_shape), num_classes))

    experiment = gdw.Experiment(dataset="clouds", model="dropping", method="mwnet", **QUICK | {"batch_size": 100})
    history = gdw.run(experiment)
    torch.rand(7)
    both = ManySeeds(experiment, [1, 0])
    list(both.events())
    assert both.histories[1] == history != both.histories[0]
    gdw.Training(experiment).save(tmp_path / "run.safetensors")  # before its first step
    gdw.Training.load(tmp_path / "run.safetensors").save(tmp_path / "run.safetensors")
    again = gdw.Training.load(tmp_path / "run.safetensors")
    list(again.events())
    assert again.history == history


def test_runs_at_once_and_your_own_draws_leave_a_run_alone(plugin):
    @gdw.register_network
    def drops(input_shape, num_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes), nn.Dropout(0.5))

    first = gdw.Experiment(dataset="clouds", model="drops", method="mwnet", **QUICK | {"batch_size": 100})
    experiments = [first, first.with_(seed=1)]
    alone = [gdw.run(one) for one in experiments]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert [gdw.run(one) for one in experiments] == alone
    assert torch.equal(torch.get_rng_state(), before)
    runs = [gdw.Training(one) for one in experiments]
    for _ in zip(*(run.events() for run in runs), strict=True):
        torch.rand(3)
    assert [run.history for run in runs] == alone
    one = gdw.Training(first)
    list(gdw.train(one.model, one.task, one.method, first, one.history))
    assert one.history == alone[0]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            assert list(pool.map(gdw.run, experiments)) == alone


def test_a_network_that_gives_no_logits_is_refused(plugin):
    @gdw.register_network
    def narrow(input_shape, num_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))

    @gdw.register_network
    def nothing(input_shape, num_classes):
        return None

    with pytest.raises(ValueError, match=r"model narrow must give logits \[batch, 3\] .* got \(2, 2\) for 2 of them"):
        build_model("narrow", (4,), 3, torch.Generator())
    with pytest.raises(ValueError, match="model nothing must be built as a torch module, got NoneType"):
        build_model("nothing", (4,), 3, torch.Generator())
    before = torch.get_rng_state()
    build_model("narrow", (4,), 2, torch.Generator())
    assert torch.equal(torch.get_rng_state(), before)
