# %% [markdown]
# # 03 · How can 50 clean images weight thousands?
#
# We have a thousand images with labels that may be wrong, and fifty whose labels somebody checked. Fifty are too
# few to learn digits from. But they are enough to *judge*: after a step on this image, do we read the fifty better,
# or worse? This notebook turns that question into one number per image.
#
# **You will**
# - walk, forward and back, through one bilevel step small enough to see every number;
# - foretell the sign of the meta gradient $g$ from two arrows, and check it with a finite difference;
# - see that L2RW, INSW and MWNet are three things to do with the same $g$;
# - break it: with a clean set too small, and with one that is not clean.
#
# **Time** about 35 minutes (all cells together run in half a minute). **You need** gradients as vectors, and
# notebook 01.

# %%
import numpy as np
import torch
from torch.nn.functional import cross_entropy

# %%
import gdw
from gdw_notebooks.checks.clean_set import InnerProduct, ThreeSigns, dirty_walk
from gdw_notebooks.checks.prediction import Prediction
from gdw_notebooks.examples.small_problem import INSTANCES, RATE, Gains, Problem
from gdw_notebooks.figures.scores import scores
from gdw_notebooks.figures.stepper import stepper
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded import histories as record

# %% [markdown]
# ## The idea: try, judge, throw away, step
#
# 1. **Try.** Take a *virtual* step with the weights as they are: from the parameters $\theta$ to $\theta'$.
# 2. **Judge.** Ask the clean images: what is their loss $L$ at $\theta'$, and how does it answer to each weight?
#    That answer is $g = \partial L / \partial w$.
# 3. **Throw $\theta'$ away**, change the weights against $g$, and take the *real* step from $\theta$ with the new
#    weights.
#
# The stepper below does this for a model of two parameters and three pictures of cats, dogs and birds. Picture
# **B** shows a cat and is labelled *dog*. All weights start at 1.
#
# **Predict first.** Which of the three weights will fall: A, B or C? And will either of the other two rise?

# %%
guess = Prediction({"A": None, "B": None, "C": None}, choices=("rises", "stays", "falls"))
guess

# %%
instance_stepper = BilevelStepper("instance", stage=8)
instance_stepper

# %% [markdown]
# *Press Back and Forward, or click the slider and use the arrow keys. Cells that the arrow has just written have a
# thick outline and hatching. The pictures on the right are the plane of the two parameters: an image's own
# gradient, and the clean gradient.*
#
# **What you see.** At stage 8 each $g_i$ stands beside a finite difference: the clean loss with that one weight
# moved a little up and a little down. They agree. On the right is the reason for the sign: where an image's
# gradient and the clean gradient point to the same side (less than 90° between them), following the image also
# serves the clean images, so $g_i < 0$ and the weight goes up. B points away: its weight goes down. Go on to stage
# 10, then back to 8: the very same numbers.

# %%
for name, g in zip(INSTANCES, instance_stepper.walk.meta_gradient[:, 0].tolist(), strict=True):
    print(f"{name:15}  g = {g:+.3f}   weight {'rises' if g < 0 else 'falls'}")

# %%
signs = instance_stepper.walk.meta_gradient[:, 0].sign().tolist()
came = {name: {-1: "rises", 0: "stays", 1: "falls"}[sign] for name, sign in zip("ABC", signs, strict=True)}
guess.reveal(came, look="which two arrows point to different sides?")

# %% [markdown]
# ## The same in code
#
# Written out once, by the textbook: build the virtual step *as a graph*, and differentiate the clean loss through
# it. This is a backward pass through a backward pass, a **double backward**.

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
# There is a shorter way. By the chain rule, with $B$ images and learning rate $\eta$,
#
# $$g_i = \frac{\partial L}{\partial w_i}
#   = \Bigl\langle \frac{\partial L}{\partial \theta'}, \frac{\partial \theta'}{\partial w_i} \Bigr\rangle
#   = -\frac{\eta}{B} \,\bigl\langle \nabla_{\theta'} L,\; \nabla_\theta\, \ell_i \bigr\rangle .$$
#
# Nothing is differentiated twice: $g$ is an **inner product** of two ordinary gradients. And since every $\nabla
# \ell_i$ is made of flows and logit gradients, all $g_i$ together need $\langle \nabla_\theta z_{ic}, \nabla L
# \rangle$: how the logits move when the parameters move along the clean gradient. That is *one* forward-mode
# product of the batch. `gdw` does this.

# %%
by_forward_mode = batch.meta_gradient(torch.ones(3, 3)).sum(1)  # tied weights: a row's derivatives add up
print("g by one forward-mode product:", by_forward_mode.numpy().round(4))
torch.testing.assert_close(by_forward_mode, g)
torch.testing.assert_close(instance_stepper.walk.meta_gradient[:, 0], g)
assert torch.equal(model.theta, Gains().theta)  # θ has not moved: θ′ was only a try

# %% [markdown]
# **Two misunderstandings that this clears up.**
# - *The clean labels train the network.* They do not: $\theta$ only ever moves along gradients of **training**
#   images. The clean ones decide how much each counts. (What training on them directly gives stands further down.)
# - *A weight of zero is dead.* It is not: $g_i$ does not contain $w_i$ as a factor.

# %%
at_zero = batch.meta_gradient(torch.zeros(3, 3)).sum(1)
print("g at weights 0:", at_zero.numpy().round(4))
assert (at_zero != 0).all()

# %% [markdown]
# ## Three methods, one g
#
# **L2RW** asks at weight 0 and keeps the helpful part. **INSW** keeps one number per training image and moves it.
# **MWNet** has a small network $V$ that turns an image's loss into its weight, and moves $V$. Here they meet our
# three pictures.
#
# **Predict first.** For which of the three is B's weight exactly 0?

# %%
guess = Prediction({"L2RW": None, "INSW": None, "MWNet": None}, choices=("exactly 0", "above 0"))
guess


# %%
def weights_of(method):
    step = Problem().step(Gains())
    step.indices = torch.arange(3)
    return (method.double().logit_gradient(step) * 3 / step.flows)[:, 0].detach()


seed = torch.Generator().manual_seed(0)
insw = gdw.methods.INSW(3, num_instances=3, weight_lr=0.5)  # a large step, so that one of them can be seen
methods = [gdw.methods.L2RW(3), insw, gdw.methods.MWNet(3, generator=seed)]
rows = {method.title: weights_of(method).numpy().round(2) for method in methods}
for title, row in rows.items():
    print(f"{title:6}", "   ".join(f"{name} {w:.2f}" for name, w in zip(INSTANCES, row, strict=True)))

# %%
came = {title: "exactly 0" if row[1] == 0 else "above 0" for title, row in rows.items()}
guess.reveal(came, look="which of the three remembers something when the next batch comes?")

# %% [markdown]
# | | asks for g at | what it does with it | what it keeps for the next batch |
# | --- | --- | --- | --- |
# | **L2RW** | weights 0 | $w_i \propto \max(0, -g_i)$, over the batch | nothing |
# | **INSW** | its weights so far | $w = \mathrm{softmax}(\phi)$; $\phi_i$ moves against $g_i$ | one number per image |
# | **MWNet** | $w_i = V(\ell_i)$ | $V$ takes a step against $\sum_i g_i\, \nabla V(\ell_i)$ | $V$: 301 numbers |
#
# **What you see.** L2RW drops B at once. INSW moves B down and A up. MWNet starts from a random $V$ and has moved
# all three alike, for their losses lie close: it needs many batches, but what it learns holds for images it has
# never seen. No weight is kept per image, INSW being the exception.

# %%
sizes = {m.title: sum(p.numel() for p in m.parameters()) for m in methods}
print(sizes, "numbers kept, for three training images")
assert sizes == {"L2RW": 0, "INSW": 3, "MWNet": 301}

# %% [markdown]
# ## Why not simply train on the clean images?
#
# One can. **Only the clean set** does so, **pooled** adds them to the training set, **fine-tune** trains on the
# noisy images first and on the clean ones afterwards. All four see the same 50 clean digits; 60 % mixing noise,
# which is 54 % wrong labels at 10 classes, since the new label may be the true one.
#
# Five seeds were recorded: `python -m gdw_notebooks.recorded.histories 03-same-fifty`.
#
# **Predict first.** Test accuracy of these four, in %?

# %%
guess = Prediction({"only-clean": None, "pooled": None, "fine-tune": None, "l2rw": None})
guess

# %%
names = ("only-clean", "pooled", "fine-tune", "l2rw")
recorded = record.load("03-same-fifty")
fifty = {"": {name: [h.accuracy for h in recorded[name]] for name in names}}
mean = {name: np.mean(values) for name, values in fifty[""].items()}
assert min(mean["l2rw"], mean["fine-tune"]) > mean["pooled"] + 3
title = "The same fifty images: as a judge or for fine-tuning, they are worth the most"
Still(scores(fifty, title=title), alt=title + ". A dot for each of five seeds.")

# %%
guess.reveal(mean, close=3, unit="%", look="which one trains on the same pictures as pooled, and in another order?")

# %% [markdown]
# **What you see.** Poured in with twelve hundred noisy images the fifty drown: pooled does worse than the fifty
# alone. Fine-tuning is strong, within the seeds' spread of L2RW: a fair baseline that papers often leave out. The
# clean set as a judge is one way to use it, and not always the best one.
#
# ## Break it: too small, or dirty
#
# Everything rests on the clean gradient. Two ways to spoil it: fewer images, or wrong labels among them. Three
# seeds each take longer than a notebook should, so they were recorded: `python -m gdw_notebooks.recorded.histories
# 03-clean-set`.
#
# **Predict first.** With one clean image per class, is L2RW still better than training on these ten images alone?
# With 60 % of the clean labels wrong?

# %%
asked = {"1 per class": None, "60% dirty": None}
guess = Prediction(asked, choices=("L2RW", "only-clean"))  # who is better there?
guess

# %%
runs = record.load("03-clean-set")
settings = ("1 per class", "2 per class", "5 per class", "10 per class", "30% dirty", "60% dirty")
table = {s: {m: [h.accuracy for h in runs[f"{m} / {s}"]] for m in ("only-clean", "l2rw")} for s in settings}
mean = {(s, m): np.mean(values) for s, by_method in table.items() for m, values in by_method.items()}
assert mean["1 per class", "l2rw"] > mean["1 per class", "only-clean"] + 10
assert mean["60% dirty", "l2rw"] < 75
title = "A clean set too small costs L2RW ten points; a dirty one costs far more"
Still(scores(table, title=title), alt=title + ". A dot for each of three seeds.")

# %%
came = {s: "L2RW" if mean[s, "l2rw"] > mean[s, "only-clean"] else "only-clean" for s in asked}
guess.reveal(came, look="where do L2RW's seeds lie far apart?")

# %% [markdown]
# *Two rows per setting, one dot per seed, a stroke at the mean.*
#
# **What you see.** Ten clean images in all lift L2RW above 80 %, where training on these ten alone stays below 65
# %. As a judge, even a small clean set goes far. A dirty one does not: with 30 % of its labels wrong L2RW falls by
# some twenty points, to where plain cross-entropy stands, and its seeds spread widely; with 60 % it is worse than
# using no clean set at all. The weights follow whatever the judge says.
#
# ## Exercise 1: foretell three signs
#
# Now the clean set is dirty: its cat is labelled dog, and its dog is labelled cat. Here are the planes with the
# arrows, before any $g$ is known. Foretell the signs of $g$ for A, B and C: +1 or −1 each.

# %%
three_signs = ThreeSigns()
alt = "Stage 7 with a dirty clean set: for each picture its own gradient and the clean gradient"
Still(stepper(dirty_walk(), 6), alt=alt)

# %%
# BEGIN SOLUTION
signs = (+1, -1, +1)
# STUB: signs = None  # for A, B, C: such as (+1, +1, +1)
# END SOLUTION
three_signs(signs)

# %% [markdown]
# ## Exercise 2: match a finite difference
#
# Write $g_i$ as a function of two gradients in the plane, the learning rate and the number of images. It is
# compared with finite differences, for other weights, and for a dirty clean set too.

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
# - A virtual step, judged by the clean images and thrown away, gives each weight its meta gradient $g$.
# - $g_i$ is an inner product: negative where the image's gradient and the clean one point to the same side. So one
#   forward-mode product replaces the double backward.
# - The clean labels never train $\theta$ directly; a weight of zero still has a gradient; no weight is kept per
#   image but in INSW.
# - L2RW, INSW and MWNet differ only in what they do with $g$. Fine-tuning on the clean set is a strong rival.
# - The judge must be good: the weights follow a dirty clean set just as willingly.
#
# **Next:** [04 · What changes when every flow has its own weight?](04_class_level_weights.ipynb)
