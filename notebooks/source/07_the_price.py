# %% [markdown]
# # 07 · Does it cost more than instance weighting?
#
# The paper promises class-level weights *at no extra cost*. Ten weights for each image in place of one, two stages, a
# constraint: can this be free? This notebook checks it. It counts the passes, then the operations, then the memory, and
# at the end it measures time.
#
# **You will**
# - divide a training step into its passes, and predict its cost;
# - see why an inner product needs no double backward;
# - compare six cheaper ways to get $g$: what each saves, and what it loses.
#
# **Time** about 25 minutes (an estimate). Further reading. **You need** notebooks 03 and 04. New words are in the
# [glossary](../docs/glossary.md).

# %%
import json

import torch
from torch.func import functional_call, grad, jvp, vjp
from torch.nn.functional import cross_entropy

# %%
import gdw
from gdw.comparison.cost import interleaved, operations, peak_bytes
from gdw.comparison.report import Difference
from gdw.gradients.agreement import FIRST_STEPS
from gdw.gradients.recording import Operations
from gdw.networks.classifiers import build_model
from gdw.training.stepping import sgd, take_step

# %%
from gdw_notebooks.checks.price import STATIONS, PassOrder, PredictedCost
from gdw_notebooks.examples.approximations import WAYS, Untaped, taken_by
from gdw_notebooks.examples.passes import PASSES, PLAIN, total
from gdw_notebooks.figures.price import pass_bars, ratio_bars, savings
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded.histories import HISTORIES

# %% [markdown]
# ## One step, in parts
#
# A **plain** step sends a batch forward once, and its gradient back once. Going back costs twice as much as going
# forward: each layer computes a gradient for its weights and one for its input. Call a forward pass 1. Then a plain
# step of a deep network is 3. (The first layer needs no gradient for its input; in a shallow network this counts.)
#
# A step that learns from a clean set does more. It goes forward, takes a **virtual step** (back once, to θ′), sends the
# clean batch forward and back at θ′, finds out how each weight would change this clean loss ($g$), and only then sends
# back the final gradient.
#
# **Predict first.** MWNet learns one weight for each image, GDW learns ten. How many passes more than MWNet does GDW
# make?
#
# - [x] none :: The tangent pass gives the derivative of all logits at once. MWNet sums its rows, GDW does not.
# - [ ] one, for the constraint :: The constraint works on a B × C matrix, beside the network.
# - [ ] nine, one for each further class :: So it would be if each weight needed a pass of its own.

# %% tags=["reveals"]
assert total("GDW") == total("MWNet")
title = f"GDW makes the same {total('GDW')} passes as MWNet: ten weights for each image in place of one cost no pass"
more = f". With save_memory {total('GDW, save_memory')}, by double backward {total('GDW by double backward')}."
Still(pass_bars(list(PASSES), title=title), alt=title + more)

# %% [markdown]
# **What you see.** MWNet needs $g$ for each image, GDW for each flow of each image. But the [tangent
# pass](../docs/glossary.md#tangent-pass) gives a B × C matrix in any case. MWNet sums its rows, GDW does not. The
# tangent pass uses the outputs of each layer, which the first pass has left on a tape. Where no tape is kept it goes
# forward once more: 11 passes.
#
# ## Count the operations
#
# That was a drawing. Now the real thing: a ResNet-32, a training batch and a clean batch of four pictures each.
# `take_step` is what the training loop calls. `operations` counts every multiplication and addition that torch makes on
# the way.


# %%
def step_of(method, way=None, batch=4, clean=4, **keep):
    random = torch.Generator().manual_seed(0)
    network = build_model("resnet32", (3, 32, 32), 10, random)
    images, clean_images = (torch.randn(count, 3, 32, 32, generator=random) for count in (batch, clean))
    labels, clean_labels = (torch.randint(10, (count,), generator=random) for count in (batch, clean))
    optimizer, method = torch.optim.SGD(network.parameters(), lr=0.1), gdw.methods.METHODS[method](10)
    meta = {"meta_batch": (clean_images, clean_labels), "lr": optimizer} if method.name != "cross-entropy" else {}
    # way: another way to get g than the package's own; most: how many images of the batch, by default all
    kind, rule = (Untaped, taken_by(WAYS[way], method)) if way else (gdw.Step, method)
    return lambda most=None: take_step(kind(network, images[:most], labels[:most], **meta, **keep), rule, optimizer)


# %%
ways = {
    "cross-entropy": step_of("cross-entropy"),
    "MWNet": step_of("mwnet"),
    "GDW": step_of("gdw"),
    "GDW, save_memory": step_of("gdw", save_memory=True),
    "GDW by double backward": step_of("gdw", "double backward"),
}
counted = {way: operations(step) for way, step in ways.items()}
plain = counted["cross-entropy"]

# %%
for way, count in counted.items():
    ratio, predicted = count / plain, total(way) / PLAIN
    print(f"{way:28} {count / 1e9:.2f} billion operations = {ratio:.2f} plain steps; by passes {predicted:.2f}")
    assert abs(ratio - predicted) < 0.02
assert abs(counted["GDW"] / counted["MWNet"] - 1) < 0.001

# %% [markdown]
# (The package takes the fastest exact way that a network allows; `step.way` says which. Double backward is slower, and
# is here for comparison.)
#
# **What you see.** The counts agree with the passes to two digits. GDW costs the same as MWNet, to a thousandth: $V$,
# the constraint and the second stage work on a B × C matrix, and this is very little work beside a network.
#
# ## Why an inner product needs no double backward
#
# A textbook computes $g$ by differentiating *through* the virtual step: keep the graph of a backward pass, and go back
# through it. But look at what $g$ is (notebook 03). The virtual step is linear in the weights, so
#
# $$g_{ic} = -\frac{p_{ic} - [c = t_i]}{B}\,\Big\langle \frac{\partial z_{ic}}{\partial\theta},\ \eta\,
# \nabla_{\theta'} L \Big\rangle ,$$
#
# with the logits $z_{ic}$ and the observed labels $t_i$. These are B · C inner products, all with the *same* vector
# $d = \eta\nabla L$. The inner product of $d$ with the gradient of a logit says how fast this logit changes along $d$.
# So one directional derivative of all logits is enough: a **tangent pass**. Here it is in six lines.

# %%
random = torch.Generator().manual_seed(1)
model = build_model("mlp", (1, 8, 8), 10, random, dtype=torch.float64)
images, labels = torch.randn(20, 1, 8, 8, generator=random).double(), torch.randint(10, (20,), generator=random)
clean = torch.randn(20, 1, 8, 8, generator=random).double(), torch.randint(10, (20,), generator=random)
step = gdw.Step(model, images, labels, meta_batch=clean, lr=0.1)
weights = torch.rand(20, 10, generator=random).double()
textbook = WAYS["double backward"](step.problem, weights)
assert torch.allclose(step.meta_gradient(weights), textbook, rtol=0, atol=1e-14)


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
print(f"largest difference from the double backward below 1e-14: {bool((g - textbook).abs().max() < 1e-14)}")

# %% [markdown]
# **What you see.** Both give the same $g$. The short way also says what $g$ *is*: this flow, $p - [c = t]$, divided by
# the number of images, times how far its logit would move (to first order) if the parameters took one step *down* the
# clean loss.
#
# ## Memory
#
# The graph of the training batch must be kept until the real backward pass. Meanwhile the clean batch builds its own.
#
# **Predict first.** Two graphs are alive at the same time, that of the training batch and that of the clean batch. What
# is the peak memory of a GDW step, in plain steps?
#
# - [ ] about 1 :: Only if the first graph is given up before the second one is built. (`save_memory=True` does this.)
# - [x] between 2 and 3 :: Two graphs, and the tape of the first pass on top.
# - [ ] about 10, one for each class :: No graph is kept for each class: one tangent pass gives all of them.


# %% tags=["reveals"]
def peak(step):
    for _ in range(FIRST_STEPS):  # of a network: they check that its second pass repeats the first, which takes memory
        step(1)
    return peak_bytes(step)


# %% tags=["reveals"]
peaks = {way: peak(step) for way, step in ways.items()}
memory = {way: peak / peaks["cross-entropy"] for way, peak in peaks.items()}
assert memory["GDW, save_memory"] < 1.5 < 2.3 < memory["GDW"] < 3 < memory["GDW by double backward"]
title = f"Peak memory in plain steps: GDW ≈ {memory['GDW']:.2f}, by double backward "
title += f"≈ {memory['GDW by double backward']:.2f}, with save_memory ≈ {memory['GDW, save_memory']:.2f}"
Still(ratio_bars(memory, title=title, xlabel="peak memory (plain steps)"), alt=title + ".")

# %% [markdown]
# **What you see.** Two graphs at the same time need twice the memory, and the tape needs some on top. With
# `save_memory=True` there is no tape, and the virtual step's backward pass frees the first graph. The tangent pass then
# goes through the training batch once more, and it leaves a new graph for the real step: one pass more, and less than
# half the memory.
#
# [The measured numbers](../docs/measured.md) are 2.49 and 1.04 for GDW, not those above. There are two reasons. First,
# it measures something else (`python -m benchmarks.memory`): what the whole process holds, where this notebook counts
# the bytes of all tensors. The two agree only because the benchmark makes the C library give freed blocks back at once
# (`MALLOC_MMAP_THRESHOLD_=65536`). With glibc's default the process keeps them, and less of the saving is left: the
# benchmark's process grew by 1.24 plain steps with `save_memory` (`benchmarks/README.md`). Second, its batches have 100
# pictures, ours have four. The memory for the network's parameters and their gradients does not grow with the batch, so
# it counts more in a small batch:

# %%
one, two, saving = (peak(step_of(method, batch=16, clean=16, **keep)) for method, keep in (
    ("cross-entropy", {}), ("gdw", {}), ("gdw", {"save_memory": True})))  # fmt: skip
print(f"batch of  4: GDW ≈ {memory['GDW']:.2f}, with save_memory ≈ {memory['GDW, save_memory']:.2f} plain steps")
print(f"batch of 16: GDW ≈ {two / one:.2f}, with save_memory ≈ {saving / one:.2f} plain steps")
assert abs(two / one - 2.5) < 0.2
assert saving / one < 1.2

# %% [markdown]
# ## The clock
#
# Operations are not seconds. Here are seconds, on this machine, now. All ways take turns, and each is divided by the
# plain step of the same round, so a slow moment slows down all of them.

# %%
timed = {way: step for way, step in ways.items() if way != "GDW, save_memory"}
rows = interleaved(timed, "cross-entropy", rounds=5)
for way, row in rows.items():
    print(f"{way:28} ≈ {1000 * row['seconds']:.1f} ms, ≈ {row['ratio']:.2f} plain steps")

# %%
title = "The time of a step on this machine, just now"
figure = ratio_bars(rows, title=title, xlabel="time of a step (plain steps; median and range of five rounds)")
times = ", ".join(f"{way} ≈ {row['ratio']:.1f}" for way, row in rows.items())
Still(figure, alt=f"{title}, in plain steps: {times}. It differs from run to run; the counts above do not.")

# %% [markdown]
# **What to look at.** How long are the lines at the ends of the bars? A shared or hot machine makes them long. This is
# why the course states counts, and ratios with their range (`python -m benchmarks.step_cost`), and never only seconds.
#
# ## What takes the time in a small network?
#
# A small network spends most of a step in Python: between two products there are modules, hooks and autograd's
# bookkeeping. They decide *which* operation comes next, and the decision is the same at every batch. So **record** one
# step, operation by operation, and replay the list. On a GPU this is called a CUDA graph: one launch in place of
# hundreds.


# %%
def digits_step(method):
    random = torch.Generator().manual_seed(0)
    network = build_model("mlp", (64,), 10, random)
    batches = [(torch.randn(100, 64, generator=random), torch.randint(10, (100,), generator=random)) for _ in range(2)]
    optimizer, method = sgd(network, gdw.Experiment().recipe), gdw.methods.METHODS[method](10, generator=random)

    def step():
        taken = gdw.Step(network, *batches[0], meta_batch=batches[1], lr=optimizer)
        return (take_step(taken, method, optimizer),)

    step()  # the optimisers make their state
    return step


# %%
written = {"cross-entropy": digits_step("cross-entropy"), "GDW": digits_step("gdw")}
recorded = Operations(digits_step("gdw"))
again = digits_step("gdw")
again()  # the step that was recorded; from here on one is replayed, the other runs as written
assert torch.equal(recorded.replay()[0], again()[0])  # what goes back through the logits, bit for bit
counts = {name: operations(step) for name, step in written.items()}
print(f"operations of GDW's step: {counts['GDW'] / counts['cross-entropy']:.2f} plain steps")
rows = interleaved(written | {"GDW, replayed": recorded.replay}, "cross-entropy", rounds=30)
print(f"a recorded step of GDW: ≈ {len(recorded)} operations")
for way, row in rows.items():
    print(f"{way:28} ≈ {1000 * row['seconds']:.1f} ms, ≈ {row['ratio']:.2f} plain steps")

# %% [markdown]
# **What to look at.** The result is the same, bit for bit (the assert). Compare the times of the last two lines. (In
# operations this step is 3.75 plain steps: in so small a network it counts that the first of three layers needs no
# gradient for its input, which makes a plain step cheaper; and a tape is kept only for convolutions.)
# `gdw.Experiment(..., capture=True)` trains in this way. A ResNet-32 on a CPU gains little from it, because its
# products take nearly all the time; there `compile=True` helps (`benchmarks/README.md` has the measurements).
#
# ## Cheaper, for a price
#
# Some passes can be left out if $g$ need not be exact. Leave out the virtual step: the clean gradient is computed at
# the present parameters. Take the tangent as the difference of two forward passes. Do both. Let only the last layer
# take the virtual step. Ask the clean set only at every second or fifth batch. (bfloat16 is different: it makes every
# pass, but with about three digits.) They are a few lines each, in `gdw_notebooks/examples/approximations.py`; the
# package itself is exact. Ten seeds on digits each, made by `python -m benchmarks.approximations --json FILE` before
# the tape became the usual way: there "exact" makes 11 passes.

# %%
found = json.loads((HISTORIES / "07-approximations.json").read_text("utf-8"))
rows = {row["way"]: row for row in found["rows"]}
for way, row in rows.items():
    error = "" if row["relative_error"] is None else f", relative error of g {row['relative_error']:.2g}"
    print(f"{way:35} {row['cost']:.2f} plain steps{error}")

# %% [markdown]
# Which of these lose accuracy, by more than the seeds' spread (p < 0.05, corrected for the 32 comparisons)?


# %%
def verdict(*fields):
    found = Difference(*fields)
    return "undecided" if found.undecided else "worse" if found.mean < 0 else "better"


scenarios = found["scenarios"]
said = {way: [verdict(*rows[way][f"{s}, difference"]) for s in scenarios] for way in rows if way != "exact"}
worse = {way: kinds.count("worse") for way, kinds in said.items()}
title = f"Worse than exact GDW, of {len(scenarios)} scenarios: last layer {worse['last layer']}, "
title += f"no virtual step {worse['no virtual step']}, every second batch {worse['every second batch']}"
shown = [row for way, row in rows.items() if not way.startswith(("exact", "every fifth"))]
Still(savings(shown, scenarios, title=title), alt=title + ". Hollow: undecided.")

# %%
fifth = [rows["every fifth batch"][f"{s}, difference"][0] for s in scenarios]
print(f"every fifth batch, not drawn: between {-max(fifth):.1f} and {-min(fifth):.1f} points below exact GDW")
second = [rows["every second batch"][f"{s}, difference"][0] for s in scenarios]
print(f"every second batch: up to {-min(second):.1f} points below")
exact_passes = [way for way in said if not way.startswith("every")]
assert all(kind == "undecided" for way in exact_passes for kind in said[way])
assert worse["every second batch"] == 2

# %% [markdown]
# *All four panels have the same scale.*
#
# **What you see.** Only the ways that ask the clean set less often lose. $g$ may be quite wrong. Without the virtual
# step its relative error is about a half, and through the last layer alone it is 0.87. Still none of these differences
# is decided. A likely reason: only the *ratios* within a batch count, stage two clips them, and the next batch asks
# again. The last layer's step costs 1.67 plain steps. Asking the clean set at every second batch costs more, 2.33, and
# loses up to four points. Between two such batches only $V$ works against the noise. On these data it does not pay to
# buy a smaller error of $g$.
#
# (Ten seeds, digits, four scenarios, nothing tuned for these ways. "Undecided" means that ten seeds show no difference;
# it does not mean that the ways are equal.
# On other data the last layer may be worse. The methods of the package are exact.)
#
# ## Exercise 1: the order of a step
#
# Put the stations of a GDW step in order: a list of the names that the next cell prints.

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
# ## Exercise 2: predict a cost
#
# The clean batch need not be as large as the training batch. What does a step cost, in plain steps, if the clean batch
# has half as many pictures? Predict it from the passes; the check has counted the operations.

# %%
predicted_cost = PredictedCost(operations(step_of("gdw", clean=2)) / operations(step_of("cross-entropy")))

# BEGIN SOLUTION
ratio = (10 - 3 / 2) / 3
# STUB: ratio = None  # in plain steps
# END SOLUTION
predicted_cost(ratio)

# %% [markdown]
# ## Recap
#
# - A plain step is 3 passes. MWNet's and GDW's are the same 10: class-level weights cost nothing *more than instance
#   weighting*. Compared with plain training both cost 3.33 times as much on a deep network, and this should be said.
# - $g$ is a matrix of inner products with one vector. A tangent pass gives them all, exactly, without a double
#   backward. With `save_memory` it is 11 passes, and the tensors take less than half the memory.
# - Cheaper ways exist. What each of them loses must be measured; the error of $g$ does not tell it.
# - Counts are the same on every machine, seconds are not.
#
# ## Quiz
#
# 1. Why is a plain step 3 passes and not 2?
#    - [x] going back costs twice as much as going forward :: A gradient for the weights and one for the input of each
#      layer.
#    - [ ] the optimiser's step is the third :: It is small beside a pass through the network.
# 2. With 100 classes in place of 10, how many more passes does GDW need?
#    - [ ] ten times as many :: The matrix is larger; the passes are the same.
#    - [x] none :: The tangent pass gives the derivative of all logits at once.
# 3. What does `save_memory=True` cost?
#    - [x] one pass more :: 11 in place of 10: without a tape the tangent pass goes through the training batch again.
#    - [ ] accuracy :: It is exact too.
#    - [ ] nothing :: What is not kept has to be computed again.
#
# **Take-away:** class-level weights cost the same as instance weights; on a deep network both cost 3.33 plain steps.
#
# **Next:** [08 · Does it hold on real pictures?](08_real_pictures.ipynb) From digits to photographs.
