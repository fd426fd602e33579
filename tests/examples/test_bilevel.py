"""The bilevel step's numbers against finite differences, double backward and the library's own step."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw import Step
from gdw.gradients.exact import by_double_backward
from gdw_notebooks.examples.bilevel import walk
from gdw_notebooks.examples.bilevel_text import TEXTS
from gdw_notebooks.examples.small_problem import CLASS, INSTANCE, LABELS, MODES, RATE, Gains, Problem, meta_loss

EVERY = [Problem(INSTANCE), Problem(CLASS), Problem(CLASS, zero_mean=False), Problem(meta_labels=(1, 0, 2))]
every_problem = pytest.mark.parametrize("problem", EVERY, ids=str)


def table(stage, name):
    return torch.tensor(stage.tables[name], dtype=torch.float64)


def state_before(made, title_part):
    return next(stage for stage in made.stages if title_part in stage.title)


@every_problem
def test_g_is_its_finite_difference_and_the_double_backward(problem):
    made = walk(problem)
    torch.testing.assert_close(made.meta_gradient, made.finite_difference, atol=1e-8, rtol=1e-6)
    step = problem.step(Gains())
    weights = problem.method().first_stage(step).detach()
    textbook = Step(step.model, step.images, step.labels, meta_batch=step.meta_batch, lr=RATE)
    oracle = by_double_backward(textbook.problem, weights)
    torch.testing.assert_close(made.meta_gradient, problem.fold(oracle), atol=1e-14, rtol=1e-12)


@every_problem
def test_the_angle_of_the_two_arrows_gives_the_sign(problem):
    made = walk(problem)
    inner = (made.arrows * made.clean).sum(-1)
    torch.testing.assert_close(made.meta_gradient, -RATE / 3 * inner)


@every_problem
def test_the_last_stage_is_what_the_method_sends_back(problem):
    made = walk(problem)
    sent_back = problem.method().logit_gradient(problem.step(Gains())).detach()
    last = made.stages[-1]
    torch.testing.assert_close(table(last, "sent"), sent_back)
    flows, weights = table(last, "d"), table(last, "w")
    torch.testing.assert_close(table(last, "sent"), weights * flows / 3)
    assert (table(last, "sum").abs() < 1e-15).all() == problem.zero_mean


def test_theta_moves_only_in_the_real_step_and_the_try_is_gone():
    for made in map(walk, EVERY):
        *before, last = made.stages
        assert {stage.tables["theta"] for stage in before} == {((0.5, 0.4),)}
        assert last.tables["theta"] != before[-1].tables["theta"]
        assert "theta_virtual" in before[-1].tables
        assert "theta_virtual" not in last.tables


def test_the_virtual_step_by_autograd():
    last_but_one = walk(Problem()).stages[-2]
    model = Gains()
    images = torch.tensor(last_but_one.tables["x"], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(cross_entropy(model(images), torch.tensor(LABELS)), model.theta)
    torch.testing.assert_close(table(last_but_one, "theta_virtual")[0], (model.theta - RATE * gradient).detach())
    assert table(last_but_one, "meta_loss").item() == meta_loss(Problem(), torch.ones(3, 3)).item()


def test_what_the_lesson_says_of_picture_b():
    made = walk(Problem(CLASS))
    weights = table(made.stages[-1], "w")
    assert weights[1, 0] < 1e-5  # "not cat" is turned off
    assert 0.1 < weights[1, 1] < 0.25 < 0.7 < weights[1, 2]
    assert (walk(Problem()).meta_gradient[:, 0].sign() == torch.tensor([-1, 1, -1])).all()


def test_the_first_constraint_changes_nothing_and_the_second_the_labels_alone():
    made = walk(Problem(CLASS))
    assert not state_before(made, "changes nothing").changed
    assert state_before(made, "label's weight again").changed == {"w": {(0, 0), (1, 1), (2, 2)}}


def test_stages_cannot_be_changed_and_come_out_the_same_twice():
    made = walk(Problem(CLASS))
    with pytest.raises(TypeError):
        made.stages[0].tables["z"] = ()
    with pytest.raises(AttributeError):
        made.stages[0].title = "another"
    assert walk(Problem(CLASS)).stages == made.stages


def test_every_text_is_used_and_has_its_formula():
    used = {(stage.title, stage.formula) for made in map(walk, EVERY) for stage in made.stages}
    assert used == {text[:2] for text in TEXTS.values()}


def test_an_unknown_mode_is_refused():
    assert MODES == ("instance", "class")
    with pytest.raises(ValueError, match="mode must be 'instance' or 'class', got 'both'"):
        Problem("both")
