"""``gdw.audit`` and ``gdw audit`` on a folder of digits, a fifth of them in the wrong class."""

import re
import shutil
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import gdw
from gdw.__main__ import main
from gdw.comparison.audit import by_method, command, heads, rank
from gdw.comparison.audit import estimate as estimates
from gdw.comparison.audit.by_method import _mean_of_seen, out_of_fold_by_method, task_of_observed, upside_down
from gdw.data.dataset import Dataset
from gdw.data.folder import load_folder
from gdw.pictures import extraction
from gdw.pictures.feature_store import Rows
from gdw.pictures.on_disk import OnDisk
from gdw.pictures.pixels import Pixels
from tests.pictures.test_features import Loader

CLASSES, EACH, WRONG = 4, 60, 0.2
CONFIRMED = 5  # of each class


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits 0 to 3 as PNG; the file's name tells the truth, its folder may not."""
    digits, random = gdw.load_dataset("digits"), np.random.default_rng(0)
    root = tmp_path_factory.mktemp("audit") / "digits"
    for digit in range(CLASSES):
        places = (digits.labels == digit).nonzero().flatten()[:EACH].tolist()
        wrong = set(random.choice(places[CONFIRMED:], int(WRONG * EACH), replace=False).tolist())
        for place in places:
            there = (digit + random.integers(1, CLASSES)) % CLASSES if place in wrong else digit
            file = root / str(there) / f"{digit}_{place}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[place, 0].numpy() * 15).astype(np.uint8)).save(file)
    return root


def truth(path):
    return path.split("/")[1].split("_")[0]


@pytest.fixture(scope="module")
def confirmed(folder):
    found = {}
    for digit in range(CLASSES):
        right = sorted((folder / str(digit)).glob(f"{digit}_*.png"))[:CONFIRMED]
        found |= {f"{digit}/{file.name}": str(digit) for file in right}
    return found


def precision(table, count):
    first = table.head(count)
    return np.mean([truth(row.path) != row.observed for row in first.itertuples()])


def test_the_wrong_fifth_comes_first(folder, confirmed):
    found = gdw.audit(load_folder(folder), confirmed, features=None)
    count = int(WRONG * EACH) * CLASSES
    assert len(found.table) == CLASSES * EACH
    assert precision(found.table, count) > 0.85
    wrong = [row for row in found.table.head(count).itertuples() if truth(row.path) != row.observed]
    assert np.mean([truth(row.path) == row.proposed for row in wrong]) > 0.9
    assert f"{len(confirmed)} pictures are confirmed; 0 of them had another label" in found.notes[-1]


def test_the_number_of_wrong_labels_is_a_range_from_a_random_sample_or_not_given(folder, tmp_path, capsys):
    data = load_folder(folder)
    wrong = np.array([truth(path) != path[0] for path in data.paths])
    sample = np.random.default_rng(1).permutation(len(wrong))[:100]
    for way in ("random", "suspect", ""):
        rows = [f"{data.paths[place]},{truth(data.paths[place])},{way}" for place in sample]
        (tmp_path / "confirmed.csv").write_text("\n".join(["path,label,chosen", *rows]), "utf-8")
        found = gdw.audit(data, tmp_path / "confirmed.csv", features=None)
        asked = ["audit", str(folder), "--confirmed", str(tmp_path / "confirmed.csv"), "--features", "pixels", "--html"]
        assert main([*asked, str(tmp_path / "page.html")]) == 0
        shown = [capsys.readouterr().out, (tmp_path / "page.html").read_text("utf-8"), " ".join(found.sentences())]
        if way == "random":
            assert found.wrong_share.low < wrong.mean() < found.wrong_share.high
            low, high = 100 * found.wrong_share.low, 100 * found.wrong_share.high
            limits = f"{low:.1f} to {high:.1f} % of the labels are wrong"
            assert all(limits in text for text in shown)
        else:
            assert found.wrong_share is None
            assert all("nobody knows how many labels are wrong" in text for text in shown)
            assert not any("labels are wrong (" in text or "about " in text for text in shown)
        assert list(found.pairs.columns) == ["observed", "proposed"]


def test_without_confirmed_pictures_it_ranks_and_says_what_it_cannot_know(folder):
    found = gdw.audit(load_folder(folder), features=None)
    assert precision(found.table, 40) > 0.85
    assert any("no picture is confirmed" in note and "cannot see" in note for note in found.notes)
    again = gdw.audit(load_folder(folder), features=None, ranking="self-confidence")
    assert precision(again.table, 40) > 0.85
    assert not again.table["score"].equals(found.table["score"])


def test_the_same_numbers_twice(folder):
    one, two = (gdw.audit(load_folder(folder), features=None, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)


def test_a_confirmed_error_is_certain(folder, confirmed):
    path = next(f"3/{file.name}" for file in sorted((folder / "3").iterdir()) if not file.name.startswith("3_"))
    found = gdw.audit(load_folder(folder), confirmed | {path: truth(path)}, features=None)
    assert found.table.iloc[0]["path"] == path
    assert found.table.iloc[0]["reason"] == f"you confirmed it as {truth(path)}, not 3"


@pytest.mark.parametrize("which", ["a class", "nearly a class", "all", "all, one of no class"])
def test_every_picture_of_a_class_or_of_all_may_be_confirmed(folder, which):
    data = load_folder(folder)
    ranked = [path for path in data.paths if which.startswith("all") or path[0] == "3"]
    known = {path: truth(path) for path in (ranked[:-2] if which.startswith("nearly") else ranked)}
    known |= {data.paths[0]: "none of these"} if which.endswith("of no class") else {}
    found = gdw.audit(data, known, features=None)
    assert len(found.table) == len(data.paths)
    assert (found.table["label"] != "").sum() == len(known)
    left = found.table[found.table["label"] == ""]
    assert not which.startswith("nearly") or left.loc[left["observed"] == "3", "score"].notna().all()
    assert found.table.set_index("path").loc[list(known), "label"].to_dict() == known


def test_weights_rank_only_with_confirmed_pictures(folder, confirmed):
    data = load_folder(folder)
    counted = []
    found = gdw.audit(data, confirmed, features=None, ranking="weights", method="mwnet",
                      progress=lambda *done: counted.append(done))  # fmt: skip
    epochs = [one for one in counted if one[0] == "epochs"]
    assert epochs[-1][1] == epochs[-1][2]
    assert len(found.table) == len(data.labels)
    with pytest.raises(ValueError, match="the ranking weights of mwnet needs confirmed pictures"):
        gdw.audit(data, features=None, ranking="weights", method="mwnet")
    with pytest.raises(ValueError, match="unknown ranking 'weight'; did you mean 'weights'"):
        gdw.audit(data, features=None, ranking="weight")


def test_with_a_method_the_ranking_is_the_product_of_both_probabilities(folder, confirmed):
    data, counted = load_folder(folder), []
    given = {"features": None, "ranking": "with-method", "method": "gdw"}
    found = gdw.audit(data, confirmed, **given, progress=lambda *done: counted.append(done))
    assert ("folds", 5, 5) in counted
    combined = gdw.audit(data, confirmed, features=None)
    assert set(found.table["path"]) == set(combined.table["path"])
    assert not found.table["path"].equals(combined.table["path"])
    assert precision(found.table, int(WRONG * EACH) * CLASSES) > 0.85
    with pytest.raises(ValueError, match="the ranking with-method of gdw needs confirmed pictures"):
        gdw.audit(data, **given)


def test_classifiers_of_a_method_judge_pictures_that_they_were_not_trained_on():
    """A picture's own label, changed, changes nothing of what is said of it."""
    random = torch.Generator().manual_seed(0)
    points, labels = torch.randn(300, 2, generator=random), torch.arange(300) % 3
    clean, names = (torch.randn(9, 2, generator=random), torch.arange(9) % 3), ("a", "b", "c")
    fold = np.arange(300) % 2
    experiment = gdw.Experiment(dataset="clouds", method="gdw", epochs=2, batch_size=50)
    other = labels.clone()
    other[0] = 2
    pixels = Pixels(scale=1.0, mean=(0.0, 0.0), std=(1.0, 1.0))
    data = Dataset("points", names, torch.cat([points, clean[0]]), torch.cat([labels, clean[1]]), pixels=pixels)
    tasks = (
        task_of_observed(data, each.numpy(), np.arange(300), (np.arange(300, 309), clean[1].numpy()))
        for each in (labels, other)
    )
    before, after = (out_of_fold_by_method(task, experiment, fold) for task in tasks)
    np.testing.assert_array_equal(before[fold == 0], after[fold == 0])
    assert (before[fold == 1] != after[fold == 1]).any()


def test_a_methods_classifier_judges_in_evaluation_mode(monkeypatch):
    """Its BatchNorm uses the running statistics: what it says of a picture does not depend on the others."""
    made, digits = [], gdw.load_dataset("digits")
    monkeypatch.setattr(by_method, "Training", lambda *args, **own: made.append(gdw.Training(*args, **own)) or made[0])
    places, sure = np.arange(200), np.arange(200, 230)
    task = task_of_observed(digits, digits.labels.numpy(), places, (sure, digits.labels[sure].numpy()))
    assert len(task.test) == 0  # a score would be of the pictures that it learns from
    assert task.true_labels is None
    experiment = gdw.Experiment(method="mwnet", model="cnn", epochs=2, batch_size=50, device="cpu")
    log_probs = by_method.run_method(task, experiment).log_probs
    model = made[0].model.eval()
    with torch.no_grad():
        one_by_one = torch.cat([model(task.pixels.normalise(image[None])) for image in task.train.images])
    np.testing.assert_allclose(log_probs, one_by_one.double().log_softmax(1).numpy(), atol=1e-4)


def test_weights_that_are_upside_down_are_said():
    likely = np.log(np.linspace(0.1, 0.9, 20))
    assert upside_down(np.linspace(0, 1, 20), likely, "gdw") is None
    assert upside_down(np.ones(20), likely, "gdw") is None
    assert "the weights of mwnet are upside down" in upside_down(np.linspace(1, 0, 20), likely, "mwnet")


def test_a_picture_that_an_epoch_left_out_has_the_mean_of_the_others():
    weights = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan]])
    np.testing.assert_allclose(_mean_of_seen(weights), [2, 2, 2])


def test_the_command_writes_both_files_and_replaces_its_own(folder, confirmed, tmp_path, capsys):
    file = tmp_path / "confirmed.csv"
    file.write_text("path,label\n" + "".join(f"{path},{label}\n" for path, label in confirmed.items()), "utf-8")
    asked = ["audit", str(folder), "--confirmed", str(file), "--csv", str(tmp_path / "s.csv"), "--html",
             str(tmp_path / "s.html"), "--features", "pixels", "--top", "30"]  # fmt: skip
    assert main(asked) == 0
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert "nobody knows how many labels are wrong" in printed
    table = pd.read_csv(tmp_path / "s.csv", dtype=str)
    assert list(table.columns) == ["path", "observed", "proposed", "score", "rank", "reason", "label", "chosen"]
    assert precision(table, 40) > 0.85
    assert (tmp_path / "s.html").read_text("utf-8").count("data:image/") == 30


def test_one_bar_counts_everything(folder, confirmed, tmp_path, monkeypatch):
    bars, seen = [], []

    class Bar(command.tqdm):
        def __init__(self, *given, **named):
            bars.append(self)
            super().__init__(*given, **named)

        def update(self, n=1):
            super().update(n)
            seen.append((self.desc, self.n, self.total))

    monkeypatch.setattr(command, "tqdm", Bar)
    file = tmp_path / "confirmed.csv"
    file.write_text("path,label\n" + "".join(f"{path},{label}\n" for path, label in confirmed.items()), "utf-8")
    asked = ["audit", str(folder), "--confirmed", str(file), "--features", "pixels", "--ranking", "with-method"]
    assert main(asked) == 0
    assert len(bars) == 1
    assert [one for one in seen if one[0] == "folds: "] == [("folds: ", done, 5) for done in (1, 2, 3, 4, 5)]
    for part in ("first", "second"):
        counted = [(done, total) for name, done, total in seen if name == f"classifiers, {part} round: "]
        assert counted == sorted(counted)
        assert counted[-1] == (100, 100)


def test_a_ranking_computes_what_it_needs_and_nothing_else(folder, monkeypatch):
    rounds = []
    monkeypatch.setattr(
        rank, "out_of_fold", lambda *given, **more: rounds.append(1) or heads.out_of_fold(*given, **more)
    )
    monkeypatch.setattr(rank, "combined", lambda *given, **more: pytest.fail("a second round"))
    gdw.audit(load_folder(folder), features=None, ranking="self-confidence")
    assert rounds == [1]  # for the ranking and for the pairs


def test_a_flat_folder_with_a_table(folder, tmp_path, capsys):
    (tmp_path / "flat").mkdir()
    rows = ["path,label"]
    for file in sorted(folder.rglob("*.png")):
        (tmp_path / "flat" / file.name).write_bytes(file.read_bytes())
        rows.append(f"{file.name},class {file.parent.name}")
    (tmp_path / "labels.csv").write_text("\n".join(rows), "utf-8")
    asked = ["audit", str(tmp_path / "flat"), "--labels", str(tmp_path / "labels.csv"), "--features", "pixels"]
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert "no picture is confirmed" in printed
    assert "nothing is written: --csv FILE keeps the table" in printed


def test_classes_and_cost_come_first_and_what_is_put_aside_stands_in_the_table(
    folder, confirmed, tmp_path, monkeypatch, capsys
):
    shutil.copytree(folder, tmp_path / "digits")
    (tmp_path / "digits" / "0" / "0.png").write_bytes(b"junk")  # comes first: all places move by one
    (tmp_path / "digits" / "emu").mkdir()
    shutil.copy(next((folder / "3").iterdir()), tmp_path / "digits" / "emu" / "1.png")
    file, csv = tmp_path / "confirmed.csv", tmp_path / "s.csv"
    rows = ["path,label", "gone/zebra.png,3", *(f"{path},{label}" for path, label in confirmed.items())]
    file.write_text("\n".join(rows) + "\n", "utf-8")
    asked = ["audit", str(tmp_path / "digits"), "--features", "pixels", "--csv", str(csv), "--html"]
    run, before = command.Plan.run, []
    monkeypatch.setattr(command.Plan, "run", lambda *given: before.append(capsys.readouterr().out) or run(*given))
    assert main([*asked, str(tmp_path / "s.html"), "--confirmed", str(file)]) == 0
    counts, cost = before[0].splitlines()
    assert counts.startswith("5 classes: 0 ")
    assert counts.endswith(", emu 1")
    assert re.fullmatch(
        r"241 rows of 192 numbers: expect [0-9]+ s for the folds, 1 s for the table, 1.0 GB of memory, nothing on disk",
        cost,
    )
    shown = capsys.readouterr()
    assert "passed over 1 broken pictures: " in shown.out
    assert shown.out.count("1 rows of confirmed.csv name no picture here") == 1
    assert "Warning" not in shown.err
    table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    assert table.iloc[0][["path", "observed", "proposed", "rank"]].tolist() == ["emu/1.png", "emu", "", "1"]
    assert table["rank"].tolist() == [str(place) for place in range(1, 242)]
    sure = table[table["label"] != ""]
    assert dict(zip(sure["path"], sure["label"], strict=True)) == confirmed
    table.loc[0, ["label", "chosen"]] = "3", "random"
    other = next(path for path in table["path"] if path.startswith("0/"))
    emu = tmp_path / "digits" / "emu"
    shutil.copy(emu / "1.png", emu / other.rpartition("/")[2])  # of one name
    table.loc[table["path"] == other, ["label", "chosen"]] = "0", "random in class"
    table.rename(columns={"label": "Label"}).to_csv(csv, index=False)
    assert main([*asked, str(tmp_path / "s.html"), "--confirmed", str(csv)]) == 0
    again = pd.read_csv(csv, dtype=str, keep_default_na=False)
    assert again.loc[0, ["path", "label", "chosen"]].tolist() == ["emu/1.png", "3", "random"]
    assert again.loc[again["path"] == other, ["label", "chosen"]].to_numpy().tolist() == [["0", "random in class"]]


@pytest.fixture
def broken(folder, tmp_path):
    """The folder in a split, with test pictures: no picture of 0 can be decoded and three of 1, and no test picture."""
    root = tmp_path / "broken"
    shutil.copytree(folder, root / "train")
    shutil.copytree(folder, root / "test")
    for file in [*(root / "test").rglob("*.png"), *(root / "train" / "0").iterdir(),
                 *sorted((root / "train" / "1").iterdir())[3:]]:  # fmt: skip
        file.write_bytes(b"junk")
    return root


@pytest.mark.parametrize("way", ["pixels", "features", "other machines"])
@pytest.mark.parametrize("ranking", ["combined", "with-method"])
def test_classes_that_broken_pictures_make_small_end_nothing(broken, tmp_path, monkeypatch, capsys, way, ranking):
    if way == "other machines":
        monkeypatch.setattr(command, "executor_for", lambda _: ThreadPoolExecutor(2))
    monkeypatch.setattr(extraction, "load_network", Loader())
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "cache"))
    train = broken / "train"
    files = {name: sorted(file.name for file in (train / name).iterdir()) for name in "0123"}
    rows = {f"0/{files['0'][0]}": "2", f"1/{files['1'][1]}": "1", f"2/{files['2'][0]}": "0", f"3/{files['3'][0]}": "3"}
    rows |= {f"{name}/{files[name][at]}": name for name in "0123" for at in (1, 2)} if ranking != "combined" else {}
    sure, csv = tmp_path / "confirmed.csv", tmp_path / "s.csv"
    sure.write_text("path,label\n" + "".join(f"train/{path},{word}\n" for path, word in rows.items()), "utf-8")
    features = ["--features", "pixels"] if way == "pixels" else ["--features", "resnet18", "--features-size", "32"]
    asked = ["audit", str(broken), *features, "--confirmed", str(sure), "--csv", str(csv), "--ranking", ranking]
    assert main([*asked, "--html", str(tmp_path / "s.html")]) == 0
    out = capsys.readouterr().out
    lost = len(list((broken / "test").rglob("*.png"))) + len(files["0"]) + len(files["1"]) - 3
    assert f"passed over {lost} broken pictures" in out
    assert "put aside 2 classes with fewer than 5 training pictures that can be decoded: 0 (0), 1 (3)" in out or (
        "put aside 1 classes with no training picture that can be decoded: 0 (0)" in out
        and "put aside 1 classes with fewer than 5 training pictures: 1 (3)" in out
    )
    assert "so it has no test set of its own" in out
    table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    assert set(table["proposed"]) == {"", "2", "3", "0"}  # 0: a confirmed error
    few, unread = sum(path[0] == "1" for path in rows), sum(path[0] == "0" for path in rows)
    for count, reason in ((few, "its class has too few pictures for an audit"), (unread, "it cannot be decoded")):
        assert f"{count} more confirmed pictures come before those that are judged: {reason}" in out
    assert f"{len(rows) - few - unread} pictures are confirmed; " in out
    aside = {f"train/{path}" for path in rows if path[0] == "0"} | {f"train/1/{name}" for name in files["1"][:3]}
    assert set(table["path"].head(len(aside))) == aside
    assert len(table) == len(aside) + len(files["2"]) + len(files["3"])
    assert dict(table.loc[table["label"] != "", ["path", "label"]].to_numpy()) == {
        f"train/{path}": word for path, word in rows.items()
    }
    assert table.iloc[len(aside)][["observed", "proposed", "score"]].tolist() == ["2", "0", "1.0"]


def test_a_folder_of_broken_pictures_is_one_sentence(broken, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(extraction, "load_network", Loader())
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "cache"))
    for file in broken.rglob("*.png"):
        file.write_bytes(b"junk")
    for features in (["pixels"], ["resnet18", "--features-size", "32"]):
        assert main(["audit", str(broken), "--features", *features]) == 2
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert "broken: at least 2 classes need " in said
        assert f"{len(list(broken.rglob('*.png')))} " in said


def small_ones(broken, tmp_path):
    """A table of confirmed pictures: of each class, and all that can be decoded have labels of class 1."""
    junk = {name: sorted((broken / "train" / name).iterdir())[-2:] for name in "0123"}
    rows = [f"train/{name}/{file.name},{name}\n" for name, listed in junk.items() for file in listed]
    rows += [f"train/1/{file.name},2\n" for file in sorted((broken / "train" / "1").iterdir())[:2]]
    (tmp_path / "small.csv").write_text("path,label\n" + "".join(rows), "utf-8")
    return tmp_path / "small.csv"


def test_a_clean_set_of_broken_pictures_is_said_and_ends_nothing(broken, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(extraction, "load_network", Loader())
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "cache"))
    rows = [
        f"train/{name}/{file.name},{name}\n"
        for name in "0123"
        for file in sorted((broken / "train" / name).iterdir())[-2:]
    ]
    (tmp_path / "sure.csv").write_text("path,label\n" + "".join(rows), "utf-8")
    asked = ["audit", str(broken), "--features", "resnet18", "--features-size", "32", "--ranking", "with-method",
             "--confirmed", str(tmp_path / "sure.csv")]  # fmt: skip
    for row in rows[-2:]:
        (broken / row.rpartition(",")[0]).write_bytes(b"junk")
    assert main(asked) == 0
    assert "the clean set lacks confirmed pictures that can be decoded: 3 has 0" in capsys.readouterr().out
    for row in rows:
        (broken / row.rpartition(",")[0]).write_bytes(b"junk")
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "no confirmed picture can be decoded, so the ranking is combined, not with-method" in out
    assert "no confirmed picture is judged: the ranking knows the observed labels alone" in out
    assert "no picture is confirmed" not in out
    assert main(["audit", *asked[1:-1], str(small_ones(broken, tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "so the ranking is combined" in out
    assert "no confirmed picture can be decoded, in classes that are not put aside" in out


def test_a_run_goes_on_without_classes_that_broken_pictures_make_small(broken, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(extraction, "load_network", Loader())
    monkeypatch.setenv("GDW_CACHE", str(tmp_path / "cache"))
    features = ["--features", "resnet18", "--features-size", "32"]
    for more in (features, []):
        asked = ["run", "--dataset", str(broken), "--epochs", "1", "--batch-size", "20", "--device", "cpu", *more]
        with pytest.warns(UserWarning, match="passed over .* broken pictures") as said:
            assert main([*asked, "--meta-per-class", "3" if more else "1"]) == 0
        told = " ".join(str(one.message) for one in said)
        assert "put aside 1 classes with no training picture that can be decoded: 0 (0)" in told
        assert ("put aside 1 classes with fewer than 4 training pictures: 1 (3)" in told) == bool(more)
        assert "so it has no test set of its own" in told
        assert ("(2, 3)" if more else "(1, 2, 3)") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "plan", "given", "expected"),
    [
        ("pictures", {}, False, "33 min for features (20 ms a picture), 80 s for the folds, 3 s for the table, 1.2 GB "
         "of memory, 86 MB on disk"),
        ("held", {}, False, "80 s for the folds, 3 s for the table, 1.2 GB of memory, nothing on disk"),
        ("mapped", {"ranking": "self-confidence"}, False, "40 s for the folds, 3 s for the table, 1.2 GB of memory, "
         "nothing on disk"),
        ("mapped", {}, True, "40 s for the folds, 3 s for the table, 1.2 GB of memory, nothing on disk"),
        ("mapped", {"ranking": "self-confidence"}, True, "3 s for the table, 1.2 GB of memory, nothing on disk"),
        ("mapped", {"ranking": "with-method"}, False, "80 s for the folds, 3 s for the table, 1.2 GB of memory, "
         "nothing on disk; the training of gdw comes on top"),
    ],
)  # fmt: skip
def test_the_estimate_is_the_measured_rates_times_the_numbers(monkeypatch, tmp_path, rows, plan, given, expected):
    count, shape = 100_000, (3, 1, 1) if rows == "pictures" else (7,)
    values = np.zeros((count, *shape), np.uint8 if rows == "pictures" else np.float32)
    np.save(tmp_path / "x.npy", values)
    if rows == "mapped":
        values = OnDisk.all_of(Rows(np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(count)))
    data = Dataset("set", ("a", "b"), values, np.arange(count) % 2, pixels=Pixels(255))
    monkeypatch.setattr(estimates, "timed", lambda *_: (0.02, 200))
    monkeypatch.setattr(estimates, "seconds_of_pass", lambda *_: 1e-5)
    what = f"{count} pictures" if rows == "pictures" else f"{count} rows of 7 numbers"
    assert estimates.estimate(data, command.Plan(**plan), given) == f"{what}: expect {expected}"


@pytest.mark.parametrize(
    ("features", "shape", "at", "expected"),
    [
        ("net", (2, 3, 4, 4), "features", "stopped: the features of 3 of 9 pictures are kept; .* continues from there"),
        ("net", (2, 3, 4, 4), "folds", "stopped: features are kept, folds are not; .* continues with the folds"),
        ("net", (2, 3, 4, 4), "", "stopped: the same command starts again"),
        (None, (2, 3, 4, 4), "folds", "stopped: the same command starts again"),
        ("net", (2, 7), "folds", "stopped: the same command starts again"),
    ],
)
@pytest.mark.parametrize(("dask", "more"), [(None, ""), ("local", command.ALONE)])
def test_an_interruption_says_what_is_kept(monkeypatch, features, shape, at, expected, dask, more):
    def run(plan, dataset, known, progress, *_):
        if at:
            progress(at, 3, 9)
        raise KeyboardInterrupt

    monkeypatch.setattr(command.Plan, "run", run)
    monkeypatch.setattr(command, "estimate", lambda *_: "4 s")
    monkeypatch.setattr(command, "executor_for", nullcontext)
    data = Dataset("set", ("a", "b"), torch.zeros(shape), [0, 1])
    printed = command._run(command.Plan(features), data, {}, None, {}, dask)
    assert next(printed) == f"4 s{more}"
    with pytest.raises(KeyboardInterrupt, match=f"^{expected}$"):
        next(printed)


def test_a_pass_is_timed_when_everything_is_warm(monkeypatch):
    called = []
    monkeypatch.setattr(estimates, "perf_counter", lambda: called.append("clock") or len(called) * 4096.0)
    asked = estimates.Objective.__call__
    monkeypatch.setattr(estimates.Objective, "__call__", lambda *given: called.append("pass") or asked(*given))
    assert estimates.seconds_of_pass(8, 3, 5) == 2
    assert called == ["pass", "clock", "pass", "clock"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--csv", "none/s.csv"], "there is no folder none"),
        (["--csv", "mine.csv"], "mine.csv is there already and is not an audit's CSV file"),
        (["--confirmed", "mine.csv"], "no picture here is called a"),
        (["--confirmed", "none.csv"], "no file none.csv"),
        (["--features", "resnet18x"], "unknown network 'resnet18x'; did you mean"),
        (["--ranking", "weigths"], "unknown ranking 'weigths'; did you mean 'weights'"),
        (["--ranking", "weights"], "needs confirmed pictures"),
        (["--method", "gwd"], "unknown method 'gwd'; did you mean 'gdw'"),
        (["--folds", "100"], "each class needs at least 100 pictures"),
        (["--folds", "1"], "--folds must be at least 2"),
        (["--top", "0"], "--top must be at least 1"),
        (["--labels", "none.csv"], "none.csv"),
    ],
)
def test_what_is_wrong_is_said_before_a_picture_is_decoded(folder, more, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("path,label\na,b\n", "utf-8")
    monkeypatch.setattr(command, "load_listing", lambda *_, **__: pytest.fail("pictures were decoded"))
    assert main(["audit", str(folder), *more]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("gdw: ")
    assert len(shown.splitlines()) == 1
    assert (tmp_path / "mine.csv").read_text("utf-8") == "path,label\na,b\n"


def test_a_table_is_reviewed_in_the_browser(folder, tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert main(["audit", str(folder), "--features", "pixels", "--csv", str(tmp_path / "s.csv")]) == 0
    table = pd.read_csv(tmp_path / "s.csv", dtype=str, keep_default_na=False)
    table.loc[:3, "label"] = ["none of these", table["observed"][1].upper(), "Unsure", f" {table['proposed'][3]}"]
    table = table.rename(columns={"label": "Label", "path": "Path", "score": "SCORE"})
    table.to_csv(tmp_path / "s.csv", index=False, sep=";", encoding="utf-8-sig")  # as a spreadsheet writes it
    capsys.readouterr()
    assert main(["review", str(tmp_path / "s.csv"), str(folder), "--top", "7"]) == 0
    text = (tmp_path / "s.html").read_text("utf-8")
    assert opened == [(tmp_path / "s.html").resolve().as_uri()]
    assert text.count("data:image/png") == 7
    assert f'"label":["none of these","{table["observed"][1]}","","{table["proposed"][3]}",' in text
    assert f"7 of {len(table)} pictures to look through" in capsys.readouterr().out
    table["observed"], table["proposed"], table["Label"] = "grade 2", "grade 10", ["1", "GRADE 10", *table["Label"][2:]]
    table.to_csv(tmp_path / "s.csv", index=False)
    assert main(["review", str(tmp_path / "s.csv"), str(folder), "--top", "7"]) == 0
    assert '"label":["1","grade 10",' in (tmp_path / "s.html").read_text("utf-8")  # the table need not have each class
    assert main(["review", str(tmp_path / "s.csv"), str(tmp_path / "nowhere")]) == 2
    assert "say where the pictures are, gdw review s.csv FOLDER" in capsys.readouterr().err
