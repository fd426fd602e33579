# %% [markdown]
# # 07 · Does it cost more than instance weighting?
#
# The paper promises class-level weights *at no extra cost*. Ten weights for each image in the place of one, two
# stages, a constraint: can that be free? This notebook does not take anybody's word. It counts the passes, then the
# operations, then the memory, and last it looks at a clock.
#
# **You will**
# - take a training step apart into its passes, and foretell its price;
# - see why an inner product needs no double backward;
# - weigh six cheaper ways to get $g$: what each saves, and what it loses.
#
# **Time** about 30 minutes (all cells together run in half a minute). **You need** notebooks 03 and 04.

# %%
import json

import torch
from torch.func import functional_call, grad, jvp, vjp
from torch.nn.functional import cross_entropy

import gdw
from gdw.comparison.cost import interleaved, operations, peak_bytes
from gdw.networks.classifiers import build_model
from gdw.training.plan import Plan, sgd
from gdw.training.recording import Operations
from gdw.training.stepping import take_step

# %%
from gdw_notebooks.checks.prediction import Prediction
from gdw_notebooks.checks.price import STATIONS, PredictedCost, PassOrder
from gdw_notebooks.examples.passes import PASSES, PLAIN, total
from gdw_notebooks.figures.price import pass_bars, ratio_bars, savings
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded.histories import HISTORIES

# %% [markdown]
# ## One step, taken apart
#
# A **plain** step sends a batch forward once, and its gradient back once. Going back costs twice as much as going
# forward: each layer has to answer both for its weights and for its input. Call a forward pass 1, and a plain step
# is 3, whatever the network.
#
# A step that learns from a clean set does more. It goes forward, takes a **virtual step** (back once, θ′), sends
# the clean batch forward and back at θ′, finds out how each weight would have changed that clean loss ($g$), and
# only then sends back what counts.
#
# **Predict first.** How many passes, in forward passes, does a step of each of these take? (cross-entropy: 3)

# %%
asked = ("MWNet", "GDW", "GDW by double backward")
guess = Prediction(dict.fromkeys(asked))
guess

# %%
title = "GDW makes the same eleven passes as MWNet: ten weights for each image in the place of one cost nothing"
assert total("GDW") == total("MWNet") == 11
Still(pass_bars(list(PASSES), title=title), alt=title + ". By double backward twelve, reusing the first pass ten.")

# %%
guess.reveal({way: total(way) for way in asked}, close=0.5, unit="passes", look="which passes do all three share?")

# %% [markdown]
# **What you see.** MWNet needs $g$ for each image, GDW for each flow of each image. But what comes out of the
# tangent pass is a B × C matrix in any case; MWNet sums its rows, GDW does not.
#
# ## Count the operations
#
# That was a drawing. Here is the real thing: a ResNet-32, a training batch and a clean batch of four pictures.
# `take_step` is what the training loop calls; `operations` counts every multiplication and addition that torch
# makes on the way.

# %%
def step_of(method, derivative="auto", batch=4, clean=4, **keep):
    random = torch.Generator().manual_seed(0)
    network = build_model("resnet32", (3, 32, 32), 10, random)
    images, clean_images = (torch.randn(count, 3, 32, 32, generator=random) for count in (batch, clean))
    labels, clean_labels = (torch.randint(10, (count,), generator=random) for count in (batch, clean))
    optimizer, method = torch.optim.SGD(network.parameters(), lr=0.1), gdw.methods.METHODS[method](10)
    how = {"meta_batch": (clean_images, clean_labels), "lr": optimizer, "derivative": derivative, **keep}
    return lambda: take_step(gdw.Step(network, images, labels, **how), method, optimizer)


# %%
ways = {
    "cross-entropy": step_of("cross-entropy"),
    "MWNet": step_of("mwnet"),
    "GDW": step_of("gdw"),
    "GDW, reusing the first pass": step_of("gdw", "reuse"),
    "GDW by double backward": step_of("gdw", "double-backward"),
}
counted = {way: operations(step) for way, step in ways.items()}
plain = counted["cross-entropy"]

# %%
for way, count in counted.items():
    ratio, foretold = count / plain, total(way) / PLAIN
    print(f"{way:28} {count / 1e9:.2f} billion operations = {ratio:.2f} plain steps; by passes {foretold:.2f}")
    assert abs(ratio - foretold) < 0.02
assert abs(counted["GDW"] / counted["MWNet"] - 1) < 0.001

# %% [markdown]
# **What you see.** The counts agree with the passes to two digits. GDW costs what MWNet costs, to a thousandth:
# $V$, the constraint and the second stage work on a B × C matrix, and that is nothing beside a network.
#
# ## Why an inner product needs no double backward
#
# The textbook takes $g$ by differentiating *through* the virtual step: keep the graph of a backward pass, and go
# back through it. But look at what $g$ is (notebook 03): the virtual step is linear in the weights, so
#
# $$g_{ic} = -\frac{p_{ic} - y_{ic}}{B}\,\Big\langle \frac{\partial\,\mathrm{logit}_{ic}}{\partial\theta},\ \eta\,
# \nabla_{\theta'} L_{\mathrm{meta}} \Big\rangle .$$
#
# B · C inner products, all with the *same* vector $d = \eta\nabla L_{\mathrm{meta}}$. "Inner product with the
# gradient of a logit" is another word for "how fast does that logit change along $d$": one directional derivative
# of all logits at once, a **tangent pass**. Six lines say it all.

# %%
random = torch.Generator().manual_seed(1)
model = build_model("mlp", (1, 8, 8), 10, random, dtype=torch.float64)
images, labels = torch.randn(20, 1, 8, 8, generator=random).double(), torch.randint(10, (20,), generator=random)
clean = torch.randn(20, 1, 8, 8, generator=random).double(), torch.randint(10, (20,), generator=random)
step = gdw.Step(model, images, labels, meta_batch=clean, lr=0.1, derivative="double-backward")
weights = torch.rand(20, 10, generator=random).double()
textbook = step.meta_gradient(weights)

# %%
def logits(theta, images=images):
    return functional_call(model, theta, (images,))


def clean_loss(theta):
    return cross_entropy(logits(theta, clean[0]), clean[1])


# %%
theta = {name: value.detach() for name, value in model.named_parameters()}
(back,) = vjp(logits, theta)[1](weights * step.flows / 20)
ahead = {name: theta[name] - 0.1 * back[name] for name in theta}  # θ′
d = {name: 0.1 * slope for name, slope in grad(clean_loss)(ahead).items()}
_, tangent = jvp(logits, (theta,), (d,))
g = -step.flows * tangent / 20
assert torch.allclose(g, textbook, rtol=0, atol=1e-14)

# %% [markdown]
# **What you see.** The assert: equal to fourteen digits. Two numbers meet in each $g_{ic}$: how much of this flow
# there is ($p - y$), and whether following it leads where the clean images point. The tangent pass also says *what*
# $g$ is, which a graph of a graph never would.
#
# ## Memory
#
# Until the real backward pass the training batch's graph has to be kept, and meanwhile the clean batch builds its
# own.
#
# **Predict first.** The peak of a step's memory, in plain steps: MWNet, GDW, GDW by double backward?

# %%
guess = Prediction(dict.fromkeys(asked))
guess

# %%
ways["GDW, save_memory"] = step_of("gdw", save_memory=True)
peaks = {way: peak_bytes(step) for way, step in ways.items()}
memory = {way: peak / peaks["cross-entropy"] for way, peak in peaks.items()}
assert memory["GDW, save_memory"] < 1.3 < 1.8 < memory["GDW"] < 2.3 < memory["GDW by double backward"]
title = "Learning from a clean set doubles a step's memory, double backward trebles it, one option gives it back"
Still(ratio_bars(memory, title=title, xlabel="peak memory (plain steps)"), alt=title + ".")

# %%
came = {way: memory[way] for way in asked}
guess.reveal(came, close=0.3, unit="plain steps", look="what must be kept, and until when?")

# %% [markdown]
# **What you see.** Two graphs side by side are twice the memory. With `save_memory=True` the virtual step's
# backward pass frees the first graph, and the tangent pass, which goes through the training batch once more anyway,
# leaves a new one for the real step: the same eleven passes. Reusing the first pass is the opposite bargain: one
# pass less, and more to keep.
#
# ## The clock
#
# Operations are not seconds. Here are seconds, on this machine, now: all ways take turns, and each is divided by
# the plain step of the same round, so that a slow moment slows all of them.

# %%
timed = {way: step_of(*how, batch=10, clean=10) for way, how in {
    "cross-entropy": ("cross-entropy",), "MWNet": ("mwnet",), "GDW": ("gdw",),
    "GDW, reusing the first pass": ("gdw", "reuse"), "GDW by double backward": ("gdw", "double-backward"),
}.items()}  # fmt: skip
rows = interleaved(timed, "cross-entropy", rounds=3)
for way, row in rows.items():
    print(f"{way:28} ≈ {1000 * row['seconds']:.1f} ms, ≈ {row['ratio']:.2f} plain steps")

# %%
title = "This machine, just now: what a step takes"
bars = {way: (row["ratio"], *row["range"]) for way, row in rows.items()}
figure = ratio_bars(bars, title=title, xlabel="time of a step (plain steps; median and range of three rounds)")
Still(figure, alt=title + ". It differs from run to run; the counts above do not.")

# %% [markdown]
# **What to look at.** How long are the whiskers? A shared or hot machine makes them long. That is why the course
# states counts, and ratios with their range (`python -m benchmarks.step_cost`), and never a bare number of seconds.
#
# ## Who keeps the clock running?
#
# A small network's step is paid in Python's time: between two products there are modules, hooks and autograd's
# bookkeeping. All of it decides *which* operations come next, and at every batch it decides the same. So **record**
# one step, operation by operation, and replay the list. On a GPU that is a CUDA graph, where one launch stands for
# hundreds.

# %%
def digits_step(method):
    random = torch.Generator().manual_seed(0)
    network = build_model("mlp", (64,), 10, random)
    batches = [(torch.randn(100, 64, generator=random), torch.randint(10, (100,), generator=random)) for _ in range(2)]
    optimizer, method = sgd(network, Plan(epochs=1)), gdw.methods.METHODS[method](10, generator=random)

    def step():
        taken = gdw.Step(network, *batches[0], meta_batch=batches[1], lr=optimizer, trusted=True)
        return (take_step(taken, method, optimizer),)

    step()  # the optimisers make their state
    return step


# %%
written = {"cross-entropy": digits_step("cross-entropy"), "GDW": digits_step("gdw")}
recorded = Operations(digits_step("gdw"))
assert torch.equal(recorded.outputs[0], digits_step("gdw")()[0])  # what goes back through the logits, bit for bit
rows = interleaved(written | {"GDW, replayed": recorded.replay}, "cross-entropy", rounds=30)
print(f"a recorded step of GDW: ≈ {len(recorded)} operations")
for way, row in rows.items():
    print(f"{way:28} ≈ {1000 * row['seconds']:.1f} ms, ≈ {row['ratio']:.2f} plain steps")

# %% [markdown]
# **What to look at.** The same numbers come out, bit for bit (the assert), and sooner: the difference was deciding.
# `gdw.Experiment(..., capture=True)` trains so. A ResNet-32 on a CPU gains nothing, for its products take all the
# time; there `compile=True` pays, which fuses what lies between the products.
#
# ## Cheaper, for a price
#
# Some passes can be left out if $g$ need not be exact. Leave out the virtual step: the clean gradient is taken
# where the model stands. Take the tangent as the difference of two forward passes. Do both. Let only the last layer
# take the virtual step. Ask the clean set at every second or fifth batch alone. (bfloat16 is another bargain: every
# pass is made, with three digits, which a GPU does sooner.) Ten seeds on digits each, made by
# `python -m benchmarks.approximations --json FILE`.

# %%
found = json.loads((HISTORIES / "07-approximations.json").read_text())
rows = {row["way"]: row for row in found["rows"]}
for way, row in rows.items():
    error = "" if row["relative_error"] is None else f", relative error of g {row['relative_error']:.2g}"
    print(f"{way:35} {row['cost']:.2f} plain steps{error}")

# %% [markdown]
# **Predict first.** Which of these give up accuracy under uniform 60 % noise, by more than the seeds' spread?

# %%
cheaper = ("no virtual step", "finite difference", "last layer", "every second batch", "every fifth batch")
guess = Prediction(dict.fromkeys(cheaper), choices=("worse", "undecided", "better"))
guess

# %%
scenarios = found["scenarios"]
lasts, seconds = ([rows[way][f"{s}, difference"] for s in scenarios] for way in ("last layer", "every second batch"))
assert all(low < 0 < high for _, low, high in lasts)
assert sum(high < 0 for _, _, high in seconds) == 3
title = "Ten seeds show no loss even through the last layer alone; asking every second batch loses in three of four"
shown = [row for way, row in rows.items() if not way.startswith(("exact", "every fifth"))]
Still(savings(shown, scenarios, title=title), alt=title + ". Hollow: the interval holds 0.")

# %% [markdown]
# *Every fifth batch is not drawn: it lies between 4 and 33 points below.*

# %%
fifth = [rows["every fifth batch"][f"{s}, difference"][0] for s in scenarios]
assert -33 < min(fifth) < max(fifth) < -3


# %%
def verdict(mean, low, high):
    return "worse" if high < 0 else "better" if low > 0 else "undecided"


came = {way: verdict(*rows[way]["uniform 60, difference"]) for way in cheaper}
guess.reveal(came, look="does a smaller error of g always mean a smaller loss?")

# %% [markdown]
# **What you see.** $g$ may be quite wrong. Without the virtual step it is off by half, through the last layer alone
# by nearly all of its length, and no interval leaves 0: only the *ratios* within a batch count, stage two clips
# them, and the next batch asks anew. That last layer's step costs 1.67 plain steps. Asking the clean set at every
# second batch costs more, 2.33, and loses up to four points: at the batches between, $V$ alone stands against the
# noise. On these data a small error in $g$ is not what one should pay for.
#
# (Ten seeds, digits, four scenarios, nothing tuned for these ways. "Undecided" means that nobody could tell, not
# that they are equal; on another data set the last layer may be a poor witness. The methods here are exact by
# default.)
#
# ## Exercise: the order of a step
#
# Put the stations of a GDW step in their order: a list of the names that the next cell prints.

# %%
pass_order = PassOrder()
print(*sorted(STATIONS), sep=", ")

# %%
# BEGIN SOLUTION
order = ["forward", "virtual step", "clean forward", "clean backward", "tangent pass"]
order += ["V learns", "stage two", "real backward"]
# STUB: order = None
# END SOLUTION
pass_order(order)

# %% [markdown]
# ## Exercise: a ratio foretold
#
# The clean batch need not be as large as the training batch. What does a step cost, in plain steps, if it has half
# as many pictures? Foretell it; the check has counted it.

# %%
half = operations(step_of("gdw", batch=4, clean=2)) / plain
foretold_ratio = ForetoldRatio(half)

# BEGIN SOLUTION
ratio = (11 - 3 / 2) / 3
# STUB: ratio = None  # in plain steps
# END SOLUTION
foretold_ratio(ratio)

# %% [markdown]
# ## Recap
#
# - A plain step is 3 passes. MWNet's and GDW's are 11, the very same: class-level weights cost nothing *beyond instance
#   weighting*. Beyond plain training they cost a factor of 3.67, and no paper should hide that.
# - $g$ is a matrix of inner products with one vector: a tangent pass gives them all, exactly, without a double
#   backward. With the first pass reused it is 10 passes, with the graph made again half the memory.
# - Cheaper ways exist. What each loses is a matter of measuring it, not of its error in $g$.
# - Counts travel between machines, seconds do not.
#
# **Next:** [08 · Does it hold on real pictures?](08_real_pictures.ipynb) It leaves the digits.
