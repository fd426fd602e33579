"""A Step for each exact way to take its meta gradient, whatever it would pick itself."""

from gdw import Step
from gdw.gradients.exact import by_double_backward


class WithoutTape(Step):
    """By forward mode alone."""

    keeps_tape = False


class WithTape(Step):
    """By forward mode, with a tape, however small the model is."""

    keeps_tape = True


class Twice(Step):
    """By double backward: the oracle."""

    def meta_gradient(self, weights, problem=None):
        return by_double_backward(problem or self.problem, weights.detach())


BY_WAY = {"its own": Step, "forward": WithoutTape, "tape": WithTape, "double-backward": Twice}
