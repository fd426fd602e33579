r"""The texts of each stage of the bilevel step: a title, the formula (LaTeX), and a sentence that explains it.

In a formula ``\class{of-d}{...}`` says which tensor a term is, by its name in the stage's tables.
"""

_SHARED = {
    "forward": (
        "Forward: the pictures become logits",
        r"\class{of-z}{z_{ic}} = u_c \cdot (\class{of-theta}{\theta} \odot \class{of-x}{x_i})",
        "Two parameters, three pictures, three classes. B shows a cat, and its label says dog.",
    ),
    "softmax": (
        "Softmax: the logits become probabilities",
        r"\class{of-p}{p_i} = \mathrm{softmax}(\class{of-z}{z_i}), \quad \class{of-loss}{\ell_i} = -\log "
        r"\class{of-p}{p_{i, t_i}}",
        "B has the largest loss: the model already gives the true class more probability than the label.",
    ),
    "flows": (
        "The flows: what each picture wants to send back",
        r"\class{of-d}{f_{ic}} = \class{of-p}{p_{ic}} - [c = t_i]",
        "Each row sums to 0: the label's logit is pushed up (negative), the others down.",
    ),
    "virtual step": (
        "A virtual step: a try that will be thrown away",
        r"\class{of-theta_virtual}{\theta'} = \class{of-theta}{\theta} - \frac{\eta}{B} \sum_i \sum_c "
        r"\class{of-w}{w_{ic}} \, \class{of-d}{f_{ic}} \, \nabla_\theta z_{ic}",
        "θ itself has not moved. θ′ is only used to compute the clean loss.",
    ),
    "clean loss": (
        "The clean pictures judge the try",
        r"\class{of-meta_loss}{L} = \frac{1}{M} \sum_m \ell(x_m, t_m; \class{of-theta_virtual}{\theta'}), \quad "
        r"\class{of-clean}{\nabla L} = \partial L / \partial \theta'",
        "The clean labels are used only here: they say which way θ′ should have gone, and never move θ.",
    ),
    "tangent": (
        "One tangent pass gives all cells",
        r"\class{of-t}{\tau_{ic}} = \langle \nabla_\theta z_{ic}, \; \eta \class{of-clean}{\nabla L} \rangle",
        "How fast each logit changes along the clean gradient: all inner products at once.",
    ),
    "real step": (
        "The real step: θ moves, with the final weights",
        r"\class{of-theta}{\theta} \leftarrow \theta - \frac{\eta}{B} \sum_{ic} \class{of-w}{w_{ic}} \, "
        r"\class{of-d}{f_{ic}} \, \nabla_\theta z_{ic}",
        "It starts from θ, not from θ′. θ′ is thrown away now, and so are the weights.",
    ),
}

_INSTANCE = {
    "weights given": (
        "One weight for each picture, all 1 to begin with",
        r"\class{of-w}{w_i} = 1",
        "Which of them should fall? The clean pictures decide.",
    ),
    "meta gradient": (
        "g: does following this picture help the clean loss?",
        r"\class{of-g}{g_i} = \partial L / \partial w_i = -\frac{1}{B} \sum_c \class{of-d}{f_{ic}} \, "
        r"\class{of-t}{\tau_{ic}}"
        r" = -\frac{\eta}{B} \langle \nabla \ell_i, \class{of-clean}{\nabla L} \rangle",
        "Below 0: more weight lowers the clean loss. A finite difference gives the same number.",
    ),
    "stage two": (
        "The weights move against g",
        r"\class{of-w}{w_i} \leftarrow \max(0, \; w_i - \mathrm{clip}( s \, \class{of-g}{g_i} / \mathrm{mean} |g|, \, "
        r"\pm \kappa))",
        "Divided by its own mean size: some weight always moves, however small g is. It never falls below 0.",
    ),
}

_CLASS = {
    "stage one": (
        "Stage one: V turns each loss into a weight",
        r"\class{of-w}{w_{ic}} = \class{of-V}{V}(\class{of-loss}{\ell_i})",
        "One weight per picture, copied to all its flows. V is kept from step to step, the weights are not.",
    ),
    "constraint holds already": (
        "The constraint changes nothing yet",
        r"\class{of-w}{w_{i t_i}} = \sum_{c \neq t_i} \class{of-w}{w_{ic}} \, \class{of-p}{p_{ic}} / (1 - "
        r"\class{of-p}{p_{i t_i}})",
        "The mean of equal weights is the same weight: instance weights already satisfy the constraint.",
    ),
    "meta gradient": (
        "g: does following this flow help the clean loss?",
        r"\class{of-g}{g_{ic}} = \partial L / \partial w_{ic} = -\frac{1}{B} \, \class{of-d}{f_{ic}} \, "
        r"\class{of-t}{\tau_{ic}}",
        "A number for every cell: the flows of one picture may disagree. Finite differences say the same.",
    ),
    "V learns": (
        "V learns from g; its new weights wait for the next batch",
        r"\class{of-V}{\psi} \leftarrow \mathrm{Adam}(\psi, \; \sum_{ic} \class{of-g}{g_{ic}} \, \partial "
        r"w_{ic} / \partial \psi)",
        "A small change, used from the next step on. w does not change here.",
    ),
    "stage two": (
        "Stage two: every flow's weight moves against g",
        r"\class{of-w}{w_{ic}} \leftarrow \max(0, \; w_{ic} - \mathrm{clip}( s \, \class{of-g}{g_{ic}} / \mathrm{mean} "
        r"|g|, \, \pm \kappa))",
        "Divided by its own mean size: some weight always moves, however small g is. It never falls below 0.",
    ),
    "constraint again": (
        "The constraint sets the label's weight again",
        r"\class{of-w}{w_{i t_i}} = \sum_{c \neq t_i} \class{of-w}{w_{ic}} \, \class{of-p}{p_{ic}} / (1 - "
        r"\class{of-p}{p_{i t_i}})",
        "What stage two did to the label's weight is overwritten: this weight follows from the others.",
    ),
    "constraint off": (
        "Constraint off: the label's weight stays as stage two left it",
        r"\sum_c \class{of-w}{w_{ic}} \, \class{of-d}{f_{ic}} \neq 0",
        "A picture's weighted flows no longer sum to 0: all its logits also get one common shift.",
    ),
}

TEXTS = {
    **{(mode, name): text for mode in ("instance", "class") for name, text in _SHARED.items()},
    **{("instance", name): text for name, text in _INSTANCE.items()},
    **{("class", name): text for name, text in _CLASS.items()},
}
