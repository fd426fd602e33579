"""The methods as the lab's menus show them: in groups, each with a few words on what it does."""

from gdw.methods import METHODS

METHOD_GROUPS: dict[str, dict[str, str]] = {
    "A weight for each class, learnt on clean images": {
        "gdw": "weights each flow of a label by itself, in two stages",
        "gdw-class-net": "the weight network too sees every class; then GDW's second stage",
        "gdw-reduced": "GDW with the derivative along the weights that are free",
        "gdw-tied": "the control: GDW with one weight for a whole instance",
    },
    "A weight for each instance, learnt on clean images": {
        "mwnet": "a small network turns each loss into a weight",
        "cmw-net": "MWNet with a weight curve for each family of classes",
        "l2rw": "the weights that would lower the clean loss now, anew in each batch",
        "insw": "a number for each training instance, moved by the clean loss",
        "mwnet-first-order": "MWNet without the virtual step: an approximation",
        "mwnet-difference": "MWNet by the difference of two losses: an approximation",
    },
    "Clean images, used in another way": {
        "only-clean": "learns from the clean images alone",
        "pooled": "the clean images are a few more training images",
        "fine-tune": "first the training set, then the clean images",
        "glc": "estimates on clean images which class is taken for which",
        "importance": "weights labels by how likely they are; clean images give the noise",
        "noise-layer": "a layer learns which class is taken for which; clean images start it",
        "co-teaching": "two networks choose for each other; clean images say how many",
        "mlc": "a network corrects labels, and learns to on clean images",
    },
    "No clean images: which labels to believe": {
        "loss-mixture": "two groups of losses, small and large; the small one counts",
        "fsr": "L2RW, with training images of large margin in place of clean ones",
        "elr": "holds on to what the network said early",
        "sop": "learns for each instance how wrong its label is",
    },
    "Another loss": {
        "cross-entropy": "the usual loss: every label counts the same",
        "label-smoothing": "a part of each label goes to all classes",
        "focal": "less weight for what is already right",
        "gce": "between cross-entropy and absolute error: less weight for doubtful labels",
    },
    "For unequal classes": {
        "class-balanced": "rare classes weigh more",
        "balanced-softmax": "the class sizes are part of the softmax",
        "ldam-drw": "a larger margin for rare classes, weights later on",
        "seesaw": "rare classes are pushed down less by frequent ones",
    },
}
OTHERS = "Your own"

Group = tuple[str, list[tuple[str, str, str]]]


def method_groups() -> list[Group]:
    """Of each group its title, and of each method its name, its title and what it does; one's own methods come last."""
    known = {name for methods in METHOD_GROUPS.values() for name in methods}
    own = {name: _first_sentence(method.__doc__) for name, method in METHODS.items() if name not in known}
    groups = METHOD_GROUPS | ({OTHERS: own} if own else {})
    return [
        (title, [(name, METHODS[name].title, words) for name, words in methods.items()])
        for title, methods in groups.items()
    ]


def _first_sentence(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].rstrip(".")
