"""Labels that may be wrong as they are: what is trained on, what is scored, and what nobody can say."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import gdw
from gdw.__main__ import main
from gdw.comparison.records import read, record
from gdw.comparison.report import summary
from gdw.data.confirmed import IN_CLASS, RANDOM, SUSPECT, Confirmed
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import NO_CLASS
from gdw.data.task import make_task
from gdw.experiments.history import History
from tests.runs import trained

CLASSES, EACH, SURE = ("cat", "dog", "owl"), 40, 12


def dataset(seed=0):
    """Points of three classes; a third of the labels is wrong."""
    random = torch.Generator().manual_seed(seed)
    right = torch.arange(len(CLASSES) * EACH) % len(CLASSES)
    points = torch.randn(len(right), 2, generator=random) + 4 * torch.eye(3)[right][:, :2]
    wrong = torch.rand(len(right), generator=random) < 1 / 3
    return Dataset("points", CLASSES, points, torch.where(wrong, (right + 1) % 3, right)), right


def confirmed(right, each=SURE, way=RANDOM):
    labels = {int(place): label for label in range(3) for place in (right == label).nonzero()[:each, 0]}
    return Confirmed(labels, dict.fromkeys(labels, way))


def folder(tmp_path, sure=SURE, way=RANDOM):
    """Grey pictures in folders, one in four in a wrong one, and a table of confirmed ones (an old one: no way)."""
    rows, random = ["path,label,chosen" if way else "path,label"], np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        for place in range(EACH):
            other = CLASSES[(label + (place % 4 == 0)) % 3]
            path = tmp_path / "pets" / other / f"{name}{place:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(80 * label, 80 * label + 70, (8, 8), dtype=np.uint8)).save(path)
            if place < sure:
                rows.append(",".join([f"{other}/{path.name}", name, *([way] if way else [])]))
    table = tmp_path / "confirmed.csv"
    table.write_text("\n".join(rows) + "\n", "utf-8")
    return tmp_path / "pets", table


@pytest.mark.parametrize("counts", [{"meta_per_class": 3}, {"meta_per_class": 3, "validation_per_class": 4}])
def test_clean_validation_and_test_pictures_are_confirmed_ones_and_all_others_are_trained_on(counts):
    data, right = dataset()
    sure = confirmed(right)
    task = make_task(data, confirmed=sure, **counts)
    parts = {name: set(places.tolist()) for name, places in task.dataset_indices.items()}
    assert parts["train"] == set(range(len(data.labels))) - set(sure)
    assert parts["meta"] | parts["validation"] | parts["test"] == set(sure)
    assert sum(map(len, parts.values())) == len(data.labels)
    assert torch.equal(task.train.labels, data.labels[task.dataset_indices["train"]])
    for name, per_class in (("meta", 3), ("validation", counts.get("validation_per_class", 0))):
        split = getattr(task, name)
        assert torch.bincount(split.labels, minlength=3).tolist() == [per_class] * 3
        assert torch.equal(split.labels, right[task.dataset_indices[name]])
    assert torch.equal(task.test.labels, right[task.dataset_indices["test"]])
    assert torch.equal(task.test.images, data.images[task.dataset_indices["test"]])


@pytest.mark.parametrize("with_confirmed", [True, False])
def test_pictures_without_a_label_in_the_table_are_in_no_set(tmp_path, with_confirmed):
    """As of a review that found pictures of no class: corrected.csv has no row for them."""
    data, right = dataset()
    data = replace(data, paths=tuple(f"{place}.png" for place in range(len(right))))
    rows = [f"{path},{CLASSES[label]}" for path, label in zip(data.paths, right.tolist(), strict=True)]
    rows[20] = "20.png,none of these"
    table = tmp_path / "corrected.csv"
    table.write_text("\n".join(["path,label", *rows[:-2], "gone.png,cat"]) + "\n", "utf-8")
    sure = confirmed(right) if with_confirmed else None
    with pytest.warns(UserWarning, match=r"2 as not in corrected.csv .*; 1 rows .*; passed over 1 that belong to no"):
        task = make_task(data, noise=f"human:{table}", confirmed=sure, meta_per_class=3)
    placed = torch.cat(list(task.dataset_indices.values())).tolist()
    assert sorted(placed) == sorted({*range(118)} - ({20} - set(sure or ())))
    assert torch.equal(task.train.labels, right[task.dataset_indices["train"]])


def test_the_test_set_is_the_same_for_each_seed():
    data, right = dataset()
    tasks = [make_task(data, confirmed=confirmed(right), meta_per_class=3, seed=seed) for seed in (0, 1)]
    assert torch.equal(*(task.dataset_indices["test"] for task in tasks))
    fewer = make_task(data, confirmed=confirmed(right), meta_per_class=3, test_per_class=2, train_per_class=10)
    assert torch.bincount(fewer.test.labels).tolist() == [2, 2, 2]
    assert torch.bincount(fewer.train.labels).tolist() == [10, 10, 10]


def test_three_of_ten_pictures_of_a_class_are_tested_on_at_most():
    for each, tested in ((3, 1), (4, 1), (5, 2), (7, 2)):
        labels = torch.arange(3).repeat(each)
        data = Dataset("points", CLASSES, torch.randn(3 * each, 2), labels)
        task = make_task(data, confirmed=confirmed(labels, each), meta_per_class=1)
        assert torch.bincount(task.test.labels).tolist() == [tested] * 3, each


def test_nobody_can_say_which_labels_are_wrong():
    data, right = dataset()
    task = make_task(data, confirmed=confirmed(right), meta_per_class=3)
    assert task.true_labels is None
    assert math.isnan(task.wrong_label_rate)
    assert task.matrix.isnan().all()
    history = trained(gdw.Experiment(dataset="clouds", epochs=3, batch_size=20), task=task).history
    assert math.isnan(history.wrong_label_rate)
    assert np.isnan(history["auroc"]).all()
    assert history.accuracy > 50
    again = History.from_record(json.loads(json.dumps(gdw.files.finite(history.to_record()), allow_nan=False)))
    assert math.isnan(again.wrong_label_rate)
    assert json.dumps(record(history), allow_nan=False)


def test_without_a_confirmed_picture_to_spare_there_is_no_test_score():
    data, right = dataset()
    task = make_task(data, confirmed=confirmed(right, each=3), meta_per_class=3)
    assert len(task.test) == 0
    runs = [
        trained(gdw.Experiment(dataset="clouds", epochs=2, batch_size=20, method=name), task=task).history
        for name in ("gdw", "cross-entropy")
    ]
    assert all(math.isnan(run.accuracy) for run in runs)
    assert runs[0].error is None
    assert "no test score" in summary(runs).to_string()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"confirmed": {}}, "no picture of points is confirmed: a run needs some as its clean set"),
        ({"confirmed": {0: 0}}, "class cat has only 1 confirmed images: too few for meta_per_class 3"),
        ({"meta_per_class": 9, "validation_per_class": 4}, "too few for meta_per_class 9, validation_per_class 4"),
        ({"train_per_class": 60}, "images left: too few to train on 60"),
        ({"train_per_class": 0}, "train_per_class must be at least 1, got 0"),
        ({"test_per_class": 50}, "class cat has only 9 confirmed images to test on .*: too few for test_per_class 50"),
        ({"test_per_class": -2}, "test_per_class must be at least 1, got -2"),
        ({"confirmed": {0: 7}}, "the class of a confirmed image must be .*2, got 7"),
        ({"confirmed": {-1: 0}}, "the place of a confirmed image must be .*, got -1"),
        ({"confirmed": {5000: 0}}, "the place of a confirmed image must be .*, got 5000"),
        ({"rate": 0.2}, "leave out noise, rate and imbalance"),
        ({"imbalance": 0.5}, "leave out noise, rate and imbalance"),
    ],
)
def test_what_cannot_be_is_refused(change, said):
    data, right = dataset()
    with pytest.raises(ValueError, match=said):
        make_task(data, **{"confirmed": confirmed(right), "meta_per_class": 3, **change})


@pytest.mark.filterwarnings("ignore:this run code does not say what its files hold")
def test_the_experiment_keeps_the_table_in_its_run_code():
    experiment = gdw.Experiment(dataset="./pets", confirmed="confirmed.csv")
    assert gdw.Experiment.from_code(experiment.code) == experiment
    assert experiment != gdw.Experiment(dataset="./pets")
    assert "confirmed" not in gdw.Experiment().config()
    for wrong in ({"rate": 0.2}, {"noise": "flip"}, {"imbalance": 0.1}, {"noise": [[0.9, 0.1], [0.2, 0.8]]}):
        with pytest.raises(ValueError, match="leave out noise, rate and imbalance"):
            gdw.Experiment(dataset="./pets", confirmed="confirmed.csv", **wrong)
    with pytest.raises(ValueError, match="confirmed must be the path of a table"):
        gdw.Experiment(dataset="./pets", confirmed="")


def run(folder, table, *more):
    return main([
        "run", "--dataset", str(folder), "--confirmed", str(table), "--meta-per-class", "5", "--epochs", "4", "--model",
        "mlp", "--batch-size", "20", "--method", "only-clean", "--method", "gdw", *more,
    ])  # fmt: skip


def test_the_command_line_says_what_is_not_known(tmp_path, capsys):
    pets, table = folder(tmp_path)
    assert run(pets, table, "--seeds", "2", "--json", str(tmp_path / "runs.json")) == 0
    said = capsys.readouterr().out
    assert "as labelled (5 clean a class), nobody knows which of 84 labels are wrong" in said
    assert "a score is of a test folder or of pictures drawn at random" in said
    assert "0.0 % of" not in said
    entries = read(tmp_path / "runs.json")
    assert [entry["wrong_label_rate"] for entry in entries] == [None] * 4
    assert run(pets, table, "--seeds", "2", "--json", str(tmp_path / "runs.json")) == 0  # nothing left to do
    assert "nobody knows which" in capsys.readouterr().out


def test_observed_labels_may_come_from_a_table(tmp_path, capsys):
    pets, table = folder(tmp_path)
    named = {path: path.stem[:-2] for path in pets.rglob("*.png")}
    lines = [f"{path.relative_to(pets).as_posix()},{label}" for path, label in named.items()]
    (tmp_path / "corrected.csv").write_text("\n".join(["path,label", *lines]) + "\n", "utf-8")
    given = {"meta_per_class": 5, "epochs": 1, "model": "mlp", "batch_size": 20}
    noise = f"human:{tmp_path / 'corrected.csv'}"
    experiment = gdw.Experiment(dataset=str(pets), noise=noise, confirmed=str(table), **given)
    task, plain = (gdw.Training(e).task for e in (experiment, experiment.with_(noise="uniform")))
    paths = gdw.load_dataset(str(pets)).paths
    right = [CLASSES.index(named[pets / paths[place]]) for place in task.dataset_indices["train"]]
    assert task.train.labels.tolist() == right
    assert (plain.train.labels != task.train.labels).float().mean() > 0.2
    assert torch.equal(plain.test.labels, task.test.labels)
    assert task.true_labels is None
    assert run(pets, table, "--noise", noise) == 0
    assert f"as labelled in {tmp_path / 'corrected.csv'} (5 clean a class)" in capsys.readouterr().out


def test_the_command_line_says_why_there_is_no_score(tmp_path, capsys):
    pets, table = folder(tmp_path, sure=5)
    assert run(pets, table) == 0
    said = capsys.readouterr().out
    assert "no test score: it needs confirmed pictures that were drawn at random" in said
    assert "those sets take 5 of each class" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\ncat/none.png,cat\n", "no picture here is called cat/none.png"),
        ("path,label\ncat/cat01.png,cta\n", "did you mean 'cat'"),
        ("nonsense", "confirmed.csv"),
        (None, "there is no file"),
        ("path,label\ncat/cat01.png,cat\n", "class cat has only 1 confirmed images: too few for meta_per_class 5"),
    ],
)
def test_a_wrong_table_is_named_before_features_are_computed(tmp_path, monkeypatch, capsys, text, said):
    pets, table = folder(tmp_path)
    table.unlink() if text is None else table.write_text(text, "utf-8")
    monkeypatch.setattr("gdw.data.features.with_features", lambda *_, **__: pytest.fail("features were computed"))
    assert run(pets, table, "--features", "tf_efficientnet_lite0") != 0
    assert said in capsys.readouterr().err


def test_a_wrong_table_of_labels_is_named_before_features_are_computed(tmp_path, monkeypatch, capsys):
    pets, table = folder(tmp_path)
    monkeypatch.setattr("gdw.data.features.with_features", lambda *_, **__: pytest.fail("features were computed"))
    assert run(pets, table, "--features", "tf_efficientnet_lite0", "--noise", "human:none.csv") != 0
    assert "none.csv" in capsys.readouterr().err


def test_a_table_that_has_grown_makes_other_runs(tmp_path, capsys):
    pets, table = folder(tmp_path, sure=6)
    records = tmp_path / "runs.json"
    assert run(pets, table, "--json", str(records)) == 0
    before = records.read_text("utf-8")
    assert run(pets, table, "--json", str(records)) == 0
    assert records.read_text("utf-8") == before
    folder(tmp_path, sure=12)
    assert run(pets, table, "--json", str(records)) == 0
    entries = read(records)
    assert len(entries) == 4
    assert [entry["training_images"] for entry in entries[2:]] == [84, 84]
    assert "labels are wrong" in capsys.readouterr().out


def test_a_saved_run_does_not_go_on_with_other_confirmed_pictures(tmp_path):
    pets, table = folder(tmp_path)
    experiment = gdw.Experiment(
        dataset=str(pets), confirmed=str(table), meta_per_class=5, epochs=2, model="mlp", batch_size=20
    )
    training = gdw.Training(experiment)
    next(training.events())
    training.save(tmp_path / "run")
    lines = table.read_text("utf-8").splitlines()
    others = [line.replace("00.png", "20.png") for line in lines]  # as many of each class, of the same labels
    table.write_text("\n".join(others) + "\n", "utf-8")
    with pytest.raises(ValueError, match="other data"):
        gdw.Training.load(tmp_path / "run")


def with_own_parts(tmp_path, pets, *parts):
    """The folder as its ``train`` beside others, with one picture of each class."""
    (tmp_path / "set").mkdir()
    pets.rename(tmp_path / "set" / "train")
    for part in parts:
        for name in CLASSES:
            (tmp_path / "set" / part / name).mkdir(parents=True)
            Image.new("L", (8, 8), 200).save(tmp_path / "set" / part / name / "t.png")
    return str(tmp_path / "set")


@pytest.mark.parametrize("way", [RANDOM, SUSPECT, None])
def test_a_test_folder_is_the_test_set_and_a_val_folder_the_validation_set(tmp_path, way):
    pets, table = folder(tmp_path, way=way)
    data = gdw.load_dataset(with_own_parts(tmp_path, pets, "test", "val"))
    own = {"meta_per_class": 5, "validation_per_class": 1}
    task = gdw.Training(gdw.Experiment(
        dataset=str(tmp_path / "set"), confirmed=str(table), epochs=1, model="mlp", batch_size=20, **own
    )).task  # fmt: skip
    assert torch.equal(task.test.images, data.test_images)
    assert torch.equal(task.validation.images, data.validation_images)
    assert len(task.meta) == 15
    assert len(task.train) == len(data.labels) - 15


@pytest.mark.parametrize("way", [SUSPECT, "", "checked"])
def test_pictures_that_somebody_selected_are_trained_on_and_give_no_score(way):
    data, right = dataset()
    sure = confirmed(right, way=way)
    task = make_task(data, confirmed=sure, meta_per_class=3)
    assert len(task.test) == 0
    assert torch.equal(make_task(data, confirmed=dict(sure), meta_per_class=3).meta.images, task.meta.images)
    history = trained(gdw.Experiment(dataset="clouds", epochs=2, batch_size=20), task=task).history
    assert math.isnan(history.accuracy)


@pytest.mark.parametrize("way", [RANDOM, IN_CLASS])
def test_clean_and_test_pictures_come_from_the_random_ones_and_suspects_are_trained_on_with_their_right_label(way):
    data, right = dataset()
    drawn, looked_at = confirmed(right), confirmed(right, each=30)
    sure = Confirmed(looked_at.labels, {p: way if p in drawn else SUSPECT for p in looked_at})
    task = make_task(data, confirmed=sure, meta_per_class=3, validation_per_class=2)
    parts = {name: set(places.tolist()) for name, places in task.dataset_indices.items()}
    assert parts["meta"] | parts["validation"] | parts["test"] == set(drawn)
    labels = dict(zip(task.dataset_indices["train"].tolist(), task.train.labels.tolist(), strict=True))
    assert all(labels[place] == right[place] for place in set(looked_at) - set(drawn))
    assert any(data.labels[place] != right[place] for place in set(looked_at) - set(drawn))
    assert all(labels[place] == data.labels[place] for place in set(labels) - set(looked_at))


def test_a_score_is_that_of_the_random_pictures_and_not_of_suspects():
    """Suspects are the hard pictures: their score would be far below that of all."""
    data, right = dataset()
    wrong = (data.labels != right).nonzero().flatten().tolist()
    shown = torch.randperm(len(right), generator=torch.Generator().manual_seed(5)).tolist()[:60]
    labels = {place: int(right[place]) for place in [*wrong, *shown]}
    sure = Confirmed(labels, {place: RANDOM if place in shown else SUSPECT for place in labels})
    task = make_task(data, confirmed=sure, meta_per_class=5)
    assert len(task.test) == 3 * 12  # of 45 that are left: at most 30 % of each class
    assert set(task.dataset_indices["test"].tolist()) < set(shown)


@pytest.mark.parametrize("way", [RANDOM, IN_CLASS, SUSPECT])
def test_every_picture_may_be_confirmed(way):
    data, right = dataset()
    task = make_task(data, confirmed=confirmed(right, each=EACH, way=way), meta_per_class=5)
    assert len(task.test) == (0 if way == SUSPECT else 3 * 12)
    assert len(task.train) == len(right) - 15 - len(task.test)
    assert torch.equal(task.train.labels, right[task.dataset_indices["train"]])


def test_a_picture_of_no_class_is_in_no_set():
    data, right = dataset()
    sure = confirmed(right)
    nothing = dict.fromkeys((100, 101, 0), NO_CLASS)
    task = make_task(data, confirmed=Confirmed({**sure, **nothing}, sure.chosen), meta_per_class=3)
    assert not set(nothing) & {place for places in task.dataset_indices.values() for place in places.tolist()}
    assert sum(map(len, task.dataset_indices.values())) == len(right) - 3


def test_a_validation_score_is_of_random_pictures_too():
    data, right = dataset()
    drawn, looked_at = confirmed(right, each=4), confirmed(right, each=30)
    sure = Confirmed(looked_at.labels, dict.fromkeys(drawn, RANDOM))
    for seed in range(5):
        task = make_task(data, confirmed=sure, meta_per_class=5, validation_per_class=4, seed=seed)
        assert set(task.dataset_indices["validation"].tolist()) == set(drawn)
        assert len(task.meta) == 15
        assert len(task.test) == 0
    with pytest.raises(ValueError, match="4 confirmed images that were drawn at random: too few for validation_per"):
        make_task(data, confirmed=sure, meta_per_class=5, validation_per_class=5)


@pytest.mark.parametrize("way", [SUSPECT, None])
def test_the_command_line_gives_no_score_of_a_selection_and_says_why(tmp_path, capsys, way):
    pets, table = folder(tmp_path, way=way)
    assert run(pets, table) == 0
    said = capsys.readouterr().out
    assert "no test score: it needs confirmed pictures that were drawn at random" in said


def test_a_record_of_before_does_not_give_its_score(tmp_path, capsys):
    """Its test set was of pictures that somebody may have selected: version 0.2 wrote no content of the files."""
    pets, table = folder(tmp_path)
    records = tmp_path / "runs.json"
    assert run(pets, table, "--json", str(records)) == 0
    lines = [json.loads(line) for line in records.read_text("utf-8").splitlines()]
    for line in lines:
        del line["config"]["content"]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    capsys.readouterr()
    assert run(pets, table, "--json", str(records)) == 0
    assert "gdw seed 0: 100%" in capsys.readouterr().err  # it is trained again, not taken from the file


def test_many_seeds_see_the_same_pictures(tmp_path, monkeypatch):
    pets, table = folder(tmp_path)
    Image.new("L", (90, 60), 100).save(pets / "cat" / "wide.png")
    seen = []

    def looked_at(data, *_, **__):
        seen.append(tuple(data.images.shape[2:]))
        return data

    monkeypatch.setattr("gdw.data.features.with_features", looked_at)
    experiment = gdw.Experiment(
        dataset=str(pets), confirmed=str(table), meta_per_class=5, features="tf_efficientnet_lite0", model="mlp",
        batch_size=20,
    )  # fmt: skip
    one, many = gdw.Training(experiment), gdw.training.many.ManySeeds(experiment, [0, 1])
    assert seen == [(224, 224)] * 2
    assert torch.equal(one.task.train.images.read(), many.trainings[0].task.train.images.read())
    assert "own" not in many.trainings[1].history.config


def test_a_saved_run_goes_on_to_the_same_numbers(tmp_path):
    pets, table = folder(tmp_path)
    experiment = gdw.Experiment(
        dataset=str(pets), confirmed=str(table), meta_per_class=5, epochs=4, model="mlp", batch_size=20
    )
    whole, half = trained(experiment), gdw.Training(experiment)
    for _, _ in zip(range(7), half.events(), strict=False):
        pass
    half.save(tmp_path / "run")
    rest = gdw.Training.load(tmp_path / "run")
    list(rest.events())
    assert rest.history.accuracy == whole.history.accuracy
    assert math.isnan(rest.history.wrong_label_rate)
