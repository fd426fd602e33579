# %% [markdown]
# # 03 · How can 50 clean images weight a thousand others?
#
# We have about a thousand images with labels that may be wrong, and fifty images whose labels somebody checked. Fifty
# images are too few to learn digits well. But they can *judge*: after a training step on this image, is the loss on the
# fifty lower or higher? This notebook turns that question into one number per image.
#
# **You will**
# - walk, forward and back, through one bilevel step that is small enough to see every number;
# - predict the sign of the meta gradient $g$ from two arrows, and check it with a finite difference;
# - see that L2RW, INSW and MWNet do three different things with the same $g$;
# - break it: with a clean set that is too small, and with one that is not clean.
#
# **Time** about 25 minutes (an estimate). **Core path**, 3 of 5. **You need** gradients as vectors, and
# notebook 01. New words are in the [glossary](../docs/glossary.md).

# %%
import numpy as np
import torch
from IPython.display import HTML
from torch.nn.functional import cross_entropy

# %%
import gdw
from gdw_notebooks.checks.clean_set import InnerProduct, ThreeSigns, dirty_walk
from gdw_notebooks.examples.small_problem import INSTANCES, RATE, Gains, Problem, first_weights, given
from gdw_notebooks.figures.scores import scores
from gdw_notebooks.figures.stepper import stepper
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.steps import still
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded import histories as record

# %% [markdown]
# ## The idea: try, judge, throw away, step
#
# 1. **Try.** Take a *virtual* step with the weights as they are: from the parameters $\theta$ to $\theta'$.
# 2. **Judge.** What is the loss $L$ of the clean images at $\theta'$, and how does it change with each weight?
#    This derivative is the [meta gradient](../docs/glossary.md#meta-gradient) $g = \partial L / \partial w$.
# 3. **Throw $\theta'$ away**, change the weights against $g$, and take the *real* step from $\theta$ with the new
#    weights.
#
# This is called a [bilevel](../docs/glossary.md#bilevel-optimisation) step. Here is a model with two parameters and
# three pictures of cats, dogs and birds. Picture **B** shows a cat and is labelled *dog*. A picture is a pair of
# numbers $x$; the logit of class $c$ is $z_c = u_c \cdot (\theta \odot x)$, with a fixed direction $u_c$ for each
# class. These are all numbers that the step starts from:

# %%
for name, values in given():
    print(f"{name:27} {values}")

# %% [markdown]
# All weights start at 1.
#
# **Predict first.** Which of the three weights will fall?
#
# - [ ] A's :: A shows what its label says. A step along its gradient helps the clean pictures too.
# - [x] B's :: A step for *dog* on a picture of a cat makes the clean cats worse. A rises.
# - [ ] none of them :: All three start at 1, but the clean pictures do not judge all three alike.

# %% tags=["reveals"]
instance_stepper = BilevelStepper("instance", station=8)
instance_stepper

# %% [markdown]
# <!-- here -->
# *Press Back and Forward, or use the arrow keys. Point at a term of the formula, or tap it: its numbers light up.*
# <!-- on the site
# <em>In <a href="../live/stepper.html">the bilevel stepper</a> press Back and Forward.</em> -->
#
# *Cells with a thick outline and hatching are new at this station; all other stations are folded below. The planes have
# the two parameters as axes. They show where θ is, and each image's own gradient beside the clean gradient; the shaded
# half is the side of the clean gradient. In the formulas, $t_i$ is the observed label of image $i$. Station 9 divides
# $g$ by its mean size and limits the change; notebook 04 explains why. Here only the direction matters.*
#
# **What you see.** At station 8 each $g_i$ is beside a finite difference: the clean loss with this one weight a little
# larger and a little smaller. They agree. The planes show the reason for the sign. If an image's gradient and the clean
# gradient have less than 90° between them, a step for this image also lowers the clean loss, so $g_i < 0$ and the
# weight rises. For B the angle is larger than 90°: its weight falls. Go on to station 10, then back to 8: you get
# exactly the same numbers.

# %%
for name, g in zip(INSTANCES, instance_stepper.walk.meta_gradient[:, 0].tolist(), strict=True):
    print(f"{name:15}  g = {g:+.3f}   weight {'rises' if g < 0 else 'falls'}")
    assert (g > 0) == name.startswith("B")

# %% [markdown]
# ## The same in code
#
# First as in a textbook: build the virtual step *as a graph*, and differentiate the clean loss through it. This is a
# backward pass through a backward pass, a [double backward](../docs/glossary.md#double-backward).

# %%
model = Gains()
batch, (clean_images, clean_labels) = Problem().step(model), Problem().meta_batch()
weights = torch.ones(3, dtype=torch.float64, requires_grad=True)

loss = (weights * cross_entropy(batch.logits, batch.labels, reduction="none")).mean()
(gradient,) = torch.autograd.grad(loss, model.theta, create_graph=True)  # keeps its graph
theta_virtual = model.theta - RATE * gradient
clean_logits = torch.func.functional_call(model, {"theta": theta_virtual}, (clean_images,))
clean_loss = cross_entropy(clean_logits, clean_labels)
(g,) = torch.autograd.grad(clean_loss, weights, retain_graph=True)
print("g by double backward:", g.numpy().round(4))

# %% [markdown]
# There is a shorter way. With $B$ images, learning rate $\eta$ and the loss $\ell_i$ of image $i$, the chain rule says
#
# $$g_i = \frac{\partial L}{\partial w_i}
#   = \Bigl\langle \frac{\partial L}{\partial \theta'}, \frac{\partial \theta'}{\partial w_i} \Bigr\rangle
#   = -\frac{\eta}{B} \,\bigl\langle \nabla_{\theta'} L,\; \nabla_\theta\, \ell_i \bigr\rangle .$$
#
# Nothing is differentiated twice: $g$ is an **inner product** of two ordinary gradients. Each $\nabla \ell_i$ is the
# sum of flows times gradients of logits. So all $g_i$ together need $\langle \nabla_\theta z_{ic}, \nabla L \rangle$:
# how fast each logit changes when the parameters move along the clean gradient. Automatic differentiation can compute
# this for the whole batch in *one* forward pass, called a [tangent
# pass](../docs/glossary.md#tangent-pass). `gdw` does this.

# %%
by_tangent = batch.meta_gradient(torch.ones(3, 3)).sum(1)  # one weight per image: add up its derivatives
print("g by one tangent pass:", by_tangent.numpy().round(4))
torch.testing.assert_close(by_tangent, g)
torch.testing.assert_close(instance_stepper.walk.meta_gradient[:, 0], g)
assert torch.equal(model.theta, Gains().theta)  # θ has not moved: θ′ was only a try

# %% [markdown]
# **Two common mistakes.**
# - *“The clean labels train the network.”* They do not: $\theta$ only moves along gradients of **training** images.
#   The clean images only decide how much each of these counts.
# - *“A weight of zero stays zero.”* It does not have to: $g_i$ does not contain $w_i$ as a factor.

# %%
at_zero = batch.meta_gradient(torch.zeros(3, 3)).sum(1)
print("g at weights 0:", at_zero.numpy().round(4))
assert (at_zero != 0).all()

# %% [markdown]
# ## Three methods, one g
#
# **L2RW** computes $g$ at weights 0 and keeps the helpful images. **INSW** keeps one number $\phi_i$ per training image
# and moves it. **MWNet** has a small network $V$, the [weight network](../docs/glossary.md#weight-network), that turns
# an image's loss into its weight, and moves $V$. Here they meet our three pictures.
#
# **Predict first.** All start at equal weights and see one batch. Which of them drops B *at once*, to a weight of 0?
#
# - [x] L2RW :: It keeps max(0, −g), and B's g is above 0.
# - [ ] INSW :: A softmax is never 0. It moves B down and A up.
# - [ ] MWNet :: A weight network with random start cannot know B yet. Look what it does with B.

# %% tags=["reveals"]
seed = torch.Generator().manual_seed(0)
insw = gdw.methods.INSW(3, num_instances=3, weight_lr=0.5)  # a large step, so that one step is visible
methods = [gdw.methods.L2RW(3), insw, gdw.methods.MWNet(3, generator=seed)]
rows = {method.title: first_weights(method).numpy().round(2) for method in methods}
for title, row in rows.items():
    print(f"{title:6}", "   ".join(f"{name} {w:.2f}" for name, w in zip(INSTANCES, row, strict=True)))
assert rows["L2RW"][1] == 0 < rows["INSW"][1] < 1 < rows["INSW"][0]
assert rows["MWNet"].argmax() == 1
assert np.ptp(rows["MWNet"]) < 0.05

# %% [markdown]
# | | computes g at | what it does with g | what it keeps for the next batch |
# | --- | --- | --- | --- |
# | **L2RW** | weights 0 | $w_i \propto \max(0, -g_i)$, over the batch | nothing |
# | **INSW** | its weights so far | $w = B \cdot \mathrm{softmax}(\phi)$; $\phi_i$ moves against $g_i$ | all $\phi_i$ |
# | **MWNet** | $w_i = V(\ell_i)$ | $V$ steps against $\sum_i g_i\, \nabla V(\ell_i)$ | $V$: 301 numbers |
#
# **What you see.** L2RW drops B at once. INSW moves B down and A up. (Its softmax is multiplied by the number of
# images, here 3, so that the mean weight is 1.) MWNet gives the wrong B the *largest* weight. This is no mistake: its
# $V$ starts with random numbers, B has the largest loss, and this random $V$ happens to rise with the loss. The three
# losses are close together, so the weights are too. $V$ needs many batches, but what it learns also holds for images
# that it has never seen. Only INSW keeps a number $\phi_i$ per image.
#
# ## Why not simply train on the clean images?
#
# You can. **Only the clean set** does so. **Pooled** adds them to the training set. **Fine-tune** trains first on the
# noisy images and then on the clean ones. L2RW uses them as judges. All four have the same 50 clean digits and, except
# the first, the same training set with 60 % uniform noise (about 54 % wrong labels).
#
# Five seeds were recorded with `python -m gdw_notebooks.recorded.histories 03-same-fifty`.
#
# **Predict first.** Fifty clean digits alone reach about 85 %. *Pooled* adds them to 1,200 noisy ones. Does it end
# higher?
#
# - [ ] yes: more data is better :: Not this data. Among twelve hundred noisy images fifty clean ones have little say.
# - [x] no, on average even a little lower :: The order matters: fine-tuning has the same images, and ends far higher.

# %% tags=["reveals"]
names = ("only-clean", "pooled", "fine-tune", "l2rw")
recorded = record.load("03-same-fifty")
fifty = {"": {name: np.array([h.accuracy for h in recorded[name]]) for name in names}}
mean = {name: values.mean() for name, values in fifty[""].items()}
title = f"The same 50 images: L2RW ≈ {mean['l2rw']:.1f} %, fine-tune ≈ {mean['fine-tune']:.1f} %, "
title += f"only the clean set ≈ {mean['only-clean']:.1f} %, pooled ≈ {mean['pooled']:.1f} %"
Still(scores(fifty, title=title), alt=title + ". A dot for each of five seeds, a line at the mean.")

# %% tags=["reveals"]
assert min(mean["l2rw"], mean["fine-tune"]) > max(mean["pooled"], mean["only-clean"]) + 3
assert mean["only-clean"] > mean["pooled"]
assert abs(mean["l2rw"] - mean["fine-tune"]) < fifty[""]["l2rw"].std(ddof=1)
above = int((fifty[""]["pooled"] > fifty[""]["only-clean"]).sum())
print(f"pooled is above only-clean on {above} of {len(fifty['']['pooled'])} seeds")
assert 82 < mean["only-clean"] < 88

# %% [markdown]
# **What you see.** Among twelve hundred noisy images the fifty clean ones have little influence: on average, pooled is
# even below the fifty alone (not on every seed). Fine-tuning is strong: the difference from L2RW is smaller than the
# spread of the seeds. It is a fair baseline that is often left out. To use the clean set as a judge is one way among
# others, and not always the best one.
#
# ## Break it: too small, or dirty
#
# Everything depends on the clean gradient. There are two ways to damage it: fewer images, or wrong labels among them.
# Three seeds were recorded with `python -m gdw_notebooks.recorded.histories 03-clean-set`.
#
# *Look* at the last two settings: is a dirty judge still better than no weights at all (cross-entropy, printed below)?

# %%
runs = record.load("03-clean-set")
settings = ("1 per class", "2 per class", "5 per class", "10 per class", "15 of 50 wrong", "30 of 50 wrong")
table = {s: {m: [h.accuracy for h in runs[f"{m} / {s}"]] for m in ("only-clean", "l2rw")} for s in settings}
mean = {(s, m): np.mean(values) for s, by_method in table.items() for m, values in by_method.items()}
loss = {s: mean["5 per class", "l2rw"] - mean[s, "l2rw"] for s in settings}  # points, against 5 clean per class
title = f"Against five clean images per class L2RW loses ≈ {loss['1 per class']:.0f} points with one, "
title += f"≈ {loss['15 of 50 wrong']:.0f} with 15 of the 50 labels wrong, ≈ {loss['30 of 50 wrong']:.0f} with 30"
Still(scores(table, title=title), alt=title + ". A dot for each of three seeds, a line at the mean.")

# %%
noisy = np.mean([h.accuracy for h in record.load("04-class-level")["cross-entropy"][:3]])  # no clean set, same data
print(f"cross-entropy without any clean set, the same three seeds: ≈ {noisy:.1f} %")
assert mean["1 per class", "l2rw"] > 80 > 65 > mean["1 per class", "only-clean"]
assert abs(mean["15 of 50 wrong", "l2rw"] - noisy) < 3
assert mean["30 of 50 wrong", "l2rw"] < noisy - 10

# %% [markdown]
# *Two rows per setting, one dot per seed, a line at the mean.*
#
# **What you see.** With ten clean images in all, L2RW is above 80 % on average; training on these ten alone stays below
# 65 %. As a judge, even a small clean set is useful. A dirty one is not: with 15 of its 50 labels wrong, L2RW is on
# average within three points of cross-entropy, which uses no clean set; with 30 wrong its mean is far below (one of the
# three seeds is above). The weights follow the judge, right or wrong.
#
# ## Exercise 1: predict three signs
#
# Now the clean set is dirty: its cat is labelled dog, and its dog is labelled cat. Here are the planes with the arrows,
# before any $g$ is known. Predict the signs of $g$ for A, B and C: +1 or −1 each.

# %%
three_signs = ThreeSigns()
HTML(still(stepper(dirty_walk(), 6, range(6, 7))))  # station 7 alone

# %%
# BEGIN SOLUTION
signs = (+1, -1, +1)
# STUB: signs = None  # for A, B, C: such as (+1, +1, +1)
# END SOLUTION
three_signs(signs)

# %% [markdown]
# ## Exercise 2: match a finite difference
#
# Write $g_i$ as a function of two gradients in the plane, the learning rate and the number of images. It is compared
# with finite differences, for several learning rates and batch sizes, and for a dirty clean set too.

# %%
inner_product = InnerProduct()


def g_of(own_gradient, clean_gradient, lr, batch_size):
    # BEGIN SOLUTION
    return -lr / batch_size * (own_gradient * clean_gradient).sum()
    # STUB: ...
    # END SOLUTION


inner_product(g_of)

# %% [markdown]
# ## Recap
#
# - A virtual step is judged by the clean images and thrown away. It gives each weight its meta gradient $g$.
# - $g_i$ is an inner product: negative if the image's gradient and the clean gradient point to the same side. So one
#   tangent pass replaces the double backward.
# - The clean labels never train $\theta$ directly. A weight of zero still has a gradient.
# - L2RW, INSW and MWNet differ in *where* they compute $g$ (at weights 0; at the weights so far; at $V(\ell_i)$), in
#   what they do with it, and in what they keep. Fine-tuning on the clean set is a strong rival.
# - The judge must be good: the weights also follow a dirty clean set.
#
# ## Quiz
#
# 1. g of an image is above 0. Does its weight rise or fall?
#    - [ ] it rises :: g is no score of usefulness. It is the slope of the clean loss.
#    - [x] it falls :: More weight would raise the clean loss.
# 2. Which of the three methods *cannot* give a sensible weight to an image that it has never seen?
#    - [ ] MWNet :: It can: V needs only the image's loss.
#    - [ ] L2RW :: It can: it needs only the image's gradient.
#    - [x] INSW :: It has no number for that image yet.
# 3. Half of your "clean" labels are wrong. What do you expect from L2RW?
#    - [ ] it finds out :: Nothing checks the clean set.
#    - [x] it may be worse than no weights at all :: Its weights follow the wrong labels.
#
# **Take-away:** an image gets more weight if a step along its gradient lowers the loss on the clean images.
#
# **Next:** [04 · What changes when every flow has its own weight?](04_class_level_weights.ipynb)
