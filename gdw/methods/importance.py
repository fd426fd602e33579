"""Importance reweighting: each instance gets the weight that its observed label would have on clean data."""

from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.preparing import KeepsTransition
from gdw.methods.transition import log_rates

LARGEST_RATIO = 10.0  # of the two posteriors; above it one instance would count as much as a tenth of a batch


@register
class ImportanceReweighting(KeepsTransition):
    """``w_i = p(true = label_i | x_i) / p(observed = label_i | x_i)``, with ``p(observed | x) = p T``.

    With these weights the expected loss on noisy labels is the expected loss on clean labels. A first model, trained
    on the observed labels, gives T on the clean set; the second starts again and takes weights from its own posterior.

    Args:
        first_share, transition: as for ``UsesTransition``.

    Source: Liu and Tao, Classification with Noisy Labels by Importance Reweighting, TPAMI 2016, for two classes;
    for C classes under T as in Xia et al., Are Anchor Points Really Indispensable, NeurIPS 2019. T comes from the
    clean set here (as in GLC), from anchor points there; cutting ratios at 10 is ours.
    """

    all_steps_identical = True
    name, title = "importance", "importance reweighting"
    source = "Liu and Tao, Classification with Noisy Labels by Importance Reweighting, TPAMI 2016"

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        return self.instance_weights(step) * step.flows / len(step)

    def instance_weights(self, step: Step) -> Column:
        """The ratio of both posteriors of the observed label, ``[B, 1]``."""
        clean = step.logits.detach().to(step.probs.dtype).log_softmax(dim=-1)
        noisy = (clean + log_rates(self.transition)[:, step.labels].T).logsumexp(dim=-1, keepdim=True)
        return (clean.gather(1, step.labels[:, None]) - noisy).exp().clamp(max=LARGEST_RATIO)
