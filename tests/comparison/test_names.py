"""No name of a scenario or method is that of two: each field of an Experiment that decides numbers tells runs apart."""

import numpy as np
import pytest

import gdw
from benchmarks.report import page
from gdw.comparison.names import names, scenario_name
from gdw.comparison.report import by_method, summary
from gdw.comparison.tables import differences, means, table
from gdw.experiments.experiment import ENGINE, NAMES
from gdw.experiments.history import History

SWAPPED = ((0.5, 0.5), (0.0, 1.0)), ((1.0, 0.0), (0.5, 0.5))
OTHER = {  # field: another value, and what must be given with it
    "dataset": ("clouds", {}), "noise": ("flip", {"rate": 0.4}), "rate": (0.6, {}), "imbalance": (0.1, {}),
    "imbalance_kind": ("step", {"imbalance": 0.1}), "model": ("cnn", {}), "epochs": (7, {}), "batch_size": (50, {}),
    "lr": (0.07, {}), "momentum": (0.5, {}), "weight_decay": (0.07, {}), "meta_per_class": (7, {}),
    "validation_per_class": (7, {}), "max_prob": (0.9, {}), "train_per_class": (7, {}), "test_per_class": (7, {}),
    "image_size": (16, {"dataset": "./pets"}), "augment": (False, {}), "flip": (False, {}),
    "features": ("resnet18", {"dataset": "./pets"}),
    "features_size": (64, {"dataset": "./pets", "features": "resnet18"}),
    "mirrored": (True, {"dataset": "./pets", "features": "resnet18"}), "confirmed": ("a.csv", {"dataset": "./pets"}),
    "pretrained": ("timm", {"dataset": "cifar10", "model": "timm:resnet18", "lr": 0.1, "weight_decay": 0.0005,
                            "epochs": 80, "meta_per_class": 100}),
    "settings": ({"step_size": 0.7}, {}), "content": ("0123456789abcdef", {"dataset": "./pets"}),
}  # fmt: skip
RECIPE = {"epochs", "batch_size", "lr", "momentum", "weight_decay", "max_prob", "settings"}


def config(seed=0, **fields):
    return gdw.Experiment(seed=seed, **fields).config()


def record(accuracy=90.0, config=None, **fields):
    config = config or gdw.Experiment(**fields).config()
    numbers = {"accuracy": accuracy, "worst_class": accuracy, "seconds": 1.0, "code": "x", "error": None}
    return {"method": config["method"], "seed": config["seed"], "config": config} | numbers


@pytest.mark.parametrize("field", [name for name in NAMES if name not in ENGINE])
def test_runs_that_differ_in_any_field_never_share_a_cell(field):
    if field in ("method", "seed"):
        return
    value, given = OTHER[field]
    one, other = config(**given), config(**given | {field: value})
    first, second = names([one, other])
    assert (first[0] == second[0]) == (field in RECIPE)
    assert (first[1] == second[1]) == (field not in RECIPE)
    assert first[0].startswith(scenario_name(one))
    cells = means(table([record(90.0, one), record(50.0, other)])).stack().tolist()
    assert sorted(cells) == [50.0, 90.0]


def test_names_are_short_where_that_is_enough():
    assert names([config(rate=0.6), config(rate=0.6, seed=1)]) == [("uniform 60", "gdw")] * 2
    assert names([config(method="mwnet"), config(lr=0.3)]) == [("clean", "mwnet"), ("clean", "gdw")]
    assert names([config(noise="flip"), config(), config(imbalance_kind="step")]) == [("clean", "gdw")] * 3
    assert names([]) == []
    assert names([{"method": "mine", "seed": 3}]) == [("clean", "mine")]


def test_matrices_and_tables_of_labels_have_names_of_their_own():
    one, other = (scenario_name(config(noise=matrix)) for matrix in SWAPPED)
    assert one != other
    assert one.startswith("own matrix ")
    tables = [config(noise=f"human:{path}:worse") for path in ("a.csv", "b.csv", "old/a.csv")]
    assert names(tables[:1]) == [("human worse", "gdw")]
    assert [s for s, _ in names(tables[:2])] == ["human worse (table a.csv)", "human worse (table b.csv)"]
    found = [s for s, _ in names(tables)]
    assert len(set(found)) == 3
    assert all("path" in scenario for scenario in found)
    assert len({s for s, _ in names([tables[0], config(noise="human:a.csv:worse", meta_per_class=9)])}) == 2


def test_settings_that_are_called_as_fields_are_not_mistaken_for_them():
    elr = [config(method="elr", momentum=m, settings={"momentum": own}) for m, own in ((0.9, 0.5), (0.5, 0.9))]
    assert len(set(names(elr))) == 2


def test_a_data_set_or_task_of_ones_own_is_not_the_named_one():
    own = config() | {"own": {"task": "40 images of 10 classes"}}
    assert len({scenario for scenario, _ in names([config(), own])}) == 2


def test_confirmed_pictures_that_were_added_make_another_scenario():
    run = record(dataset="./pets", confirmed="a.csv")
    grown = [run | {"accuracy": a, "made": {"confirmed": digest}} for a, digest in ((80.0, "0a"), (90.0, "0b"))]
    assert means(table(grown)).shape == (1, 2)


def test_two_matrices_are_not_averaged_and_differences_stay_within_one():
    noise = np.random.default_rng(0)
    lines = [
        record(level + gain + noise.normal(), method=method, seed=seed, noise=matrix)
        for matrix, level in zip(SWAPPED, (50.0, 80.0), strict=True)
        for method, gain in (("gdw", 5), ("mwnet", 0))
        for seed in range(5)
    ]
    runs = table(lines)
    assert means(runs).shape == (2, 2)
    assert len(differences(runs, "gdw")["mwnet"]) == 2
    assert all(0 < d.mean < 10 for d in differences(runs, "gdw")["mwnet"].values())


def test_a_page_shows_variants_of_a_method_side_by_side():
    lines = [record(70.0 + 9 * (m == "gdw") + s, method=m, seed=s) for m in ("gdw", "mwnet") for s in (0, 1)]
    lines += [record(60.0 + 2 * s, method="mwnet", seed=s, epochs=7) for s in (0, 1)]
    text = page(table(lines))
    assert "| MWNet (epochs 60) | 70.5 ± 0.7 |" in text
    assert "| MWNet (epochs 7) | 61.0 ± 1.4 |" in text


def test_a_run_that_is_there_twice_counts_once():
    runs = table([record(80.0), record(90.0), record(70.0, seed=1)])
    assert list(runs["accuracy"]) == [90.0, 70.0]


def history(accuracy, **fields):
    run = History(gdw.Experiment(**fields).config(), metadata={"seconds": 1.0})
    run.append({"test_accuracy": accuracy, "class_accuracy": [accuracy]})
    return run


def test_a_summary_loses_no_run_and_compares_within_a_scenario():
    runs = [history(60.0 + s, method="mwnet", rate=rate, seed=s) for rate in (0.4, 0.6) for s in (0, 1)]
    runs += [history(70.0 + 3 * s, rate=rate, seed=s) for rate in (0.4, 0.6) for s in (0, 1)]
    assert sum(len(by_seed) for by_seed in by_method(runs).values()) == len(runs)
    found = summary(runs)
    assert list(found.index) == ["mwnet, uniform 40", "mwnet, uniform 60", "gdw, uniform 40", "gdw, uniform 60"]
    assert found.loc["mwnet, uniform 60", "gdw minus this"].startswith("+11.0 [")
    assert list(by_method([history(1, epochs=3), history(2, epochs=4)])) == ["gdw (epochs 3)", "gdw (epochs 4)"]


def test_noise_of_the_images_is_named_at_rate_0_too():
    """Its rates lie around the one that is given: at 0 about 8 % of the labels are wrong."""
    noisy, clean = (config(noise=noise) for noise in ("instance-dependent", "flip"))
    assert names([noisy, clean]) == [("instance-dependent 0", "gdw"), ("clean", "gdw")]
    assert gdw.make_task(gdw.load_dataset("digits"), noise="instance-dependent").wrong_label_rate > 0.05
