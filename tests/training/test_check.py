"""gdw.methods.check: every method passes it without being named, and each wrong declaration is refused."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import gdw
from gdw.methods import GDW, METHODS, CrossEntropy, Method, Phase


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_its_promises(name):
    gdw.methods.check(METHODS[name])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gdw", {"meta_every": 2}),
        ("gdw", {"tied": True, "stage_one": False}),
        ("co-teaching", {"forget": 0.3}),
        ("class-balanced", {"class_counts": [5, 4, 3, 2]}),
        ("importance", {"transition": torch.eye(4).tolist()}),
        ("loss-mixture", {"warm_up": 1}),
        ("cmw-net", {"class_counts": [5, 4, 3, 2], "meta_every": 2}),
    ],
)
def test_so_do_other_settings(name, settings):
    gdw.methods.check(METHODS[name], settings)


class Good(Method):
    """What the wrong ones below change one thing of."""

    name, title, source = "good", "good", "a test"

    def logit_gradient(self, step):
        return torch.exp(-step.losses)[..., None] * step.flows / len(step)


class NoName(Good):
    name = ""


class NoGradient(Method):
    name, title = "none", "none"


class PromiseIsText(Good):
    all_steps_identical = "yes"


class OwnArguments(Good):
    def __init__(self, num_classes):
        super().__init__(num_classes)


class TooFewEpochs(Good):
    def phases(self, task, epochs):
        return [Phase(self, "train", epochs - 1)]


class OddPhases(Good):
    def phases(self, task, epochs):
        return ["train"]


class OneNumber(Good):
    def logit_gradient(self, step):
        return super().logit_gradient(step).sum()


class OneColumn(Good):
    def logit_gradient(self, step):
        return super().logit_gradient(step)[:, :1]


class Single(Good):
    def logit_gradient(self, step):
        return super().logit_gradient(step).float()


class Undefined(Good):
    def logit_gradient(self, step):
        return super().logit_gradient(step) / torch.zeros(())


class NoTensor(Good):
    def logit_gradient(self, step):
        return super().logit_gradient(step).tolist()


class LeavesAGraph(Good):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.factor = nn.Parameter(torch.ones(()))

    def logit_gradient(self, step):
        return self.factor * super().logit_gradient(step)


class ChangesTheFlows(Good):
    def logit_gradient(self, step):
        return step.flows.div_(len(step))


class ChangesTheModel(Good):
    def logit_gradient(self, step):
        with torch.no_grad():
            next(step.model.parameters()).mul_(0.5)
        return super().logit_gradient(step)


class LeavesGradients(Good):
    def logit_gradient(self, step):
        step.logits.sum().backward(retain_graph=True)
        return super().logit_gradient(step)


class GlobalRandomness(Good):
    def logit_gradient(self, step):
        return torch.rand(len(step), 1, dtype=step.flows.dtype) * super().logit_gradient(step)


class OtherRandomness(Good):
    source_of_numbers = torch.Generator().manual_seed(1)

    def logit_gradient(self, step):
        weights = torch.rand(len(step), 1, generator=self.source_of_numbers, dtype=step.flows.dtype)
        return weights * super().logit_gradient(step)


class Forgets(Good):
    """Keeps what it learns where nothing looks."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.hidden = (SimpleNamespace(seen=0.0),)

    def logit_gradient(self, step):
        self.hidden[0].seen += step.losses.mean()
        return super().logit_gradient(step) * self.hidden[0].seen


class ChangesWhenAsked(Good):
    asked = 0

    def phases(self, task, epochs):
        self.asked += 1
        return super().phases(task, epochs)


class CountsSteps(Good):
    all_steps_identical = True
    count = 0

    def logit_gradient(self, step):
        self.count += 1
        return super().logit_gradient(step) / self.count


class ReadsOnTheHost(Good):
    all_steps_identical = True

    def logit_gradient(self, step):
        return super().logit_gradient(step) * float(step.losses.mean())


class AsksForTheEpoch(Good):
    all_steps_identical = True

    def logit_gradient(self, step):
        return super().logit_gradient(step) * (2.0 if step.epoch > 2 else 1.0)


class MixesSeeds(Good):
    supports_many_seeds = True

    def logit_gradient(self, step):
        return super().logit_gradient(step) / step.losses.mean()


class OneAxis(Good):
    supports_many_seeds = True

    def logit_gradient(self, step):
        return step.losses[:, None] * step.flows / len(step)


class PreparesForOneSeed(Good):
    supports_many_seeds = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("factor", torch.ones(()))

    def phases(self, task, epochs):
        return [Phase(self, epochs=epochs, before=lambda model: self.factor.fill_(task.wrong_label_rate))]

    def logit_gradient(self, step):
        return self.factor * super().logit_gradient(step)


class Diverges(Good):
    def logit_gradient(self, step):
        return -1e308 * step.flows


WRONG = {
    NoName: "needs a name",
    NoGradient: "write logit_gradient",
    PromiseIsText: "all_steps_identical must be True or False",
    OwnArguments: "cannot be built",
    TooFewEpochs: "of 4 it plans 3",
    OddPhases: "must give gdw.methods.Phase",
    OneNumber: r"must give \[B, C\] = \[16, 4\], got \[\]",
    OneColumn: r"got \[16, 1\]",
    Single: "must keep the type",
    Undefined: "not finite",
    NoTensor: "must give a tensor .*got list",
    LeavesAGraph: "without a graph",
    ChangesTheFlows: "changes step.flows",
    ChangesTheModel: "changes the model's",
    LeavesGradients: "leaves a gradient in the model's",
    GlobalRandomness: "torch's global random numbers",
    OtherRandomness: "two runs with one seed differ",
    Forgets: "goes on with other numbers",
    ChangesWhenAsked: "phases changes the method",
    CountsSteps: "all_steps_identical = True is wrong: a recorded step gives other numbers",
    ReadsOnTheHost: "all_steps_identical = True is wrong: .*on the host",
    AsksForTheEpoch: "all_steps_identical = True is wrong",
    MixesSeeds: "supports_many_seeds = True is wrong: seeds at once give other numbers",
    OneAxis: "supports_many_seeds = True is wrong: with a leading seed axis",
    PreparesForOneSeed: "supports_many_seeds = True is wrong: seeds at once give other numbers",
    Diverges: "does not stay finite",
}


@pytest.mark.parametrize("method", WRONG, ids=lambda method: method.__name__)
def test_a_wrong_declaration_is_refused_by_name(method):
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=f"^{method.__name__}.*{WRONG[method]}") as caught:
        gdw.methods.check(method)
    assert len(str(caught.value).splitlines()) == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_the_right_one_passes():
    gdw.methods.check(Good)
    assert "good" not in METHODS  # it need not be registered


def test_what_is_no_method_is_refused():
    with pytest.raises(TypeError, match=r"subclass of gdw.methods.Method"):
        gdw.methods.check(CrossEntropy())
    with pytest.raises(ValueError, match="unknown setting of gdw 'stepsize'; did you mean 'step_size'"):
        gdw.methods.check(GDW, {"stepsize": 1})
