# %% [markdown]
# # 02 · How do labels go wrong, and what does a network make of them?
#
# "40 % noise" can mean many things: labels drawn at random, every cat called a dog, a few classes with hardly any
# images. Here you break a data set by hand, read the matrices that papers use, and see what people really do.
#
# **You will**
# - edit a transition matrix and class sizes, and read the share of wrong labels;
# - compute what share of wrong labels "40 %" of uniform noise makes;
# - compare the mistakes of people with uniform noise;
# - watch, epoch by epoch, what a network makes of wrong labels.
#
# **Time** about 25 minutes (an estimate). Further reading. **You need** to have trained a network once. You need no
# other notebook. New words are in the [glossary](../docs/glossary.md).

# %%
import numpy as np
import torch

import gdw
from gdw.data.corruption import corrupt_labels, transition_matrix, wrong_label_rate
from gdw_notebooks.checks.broken_data import ThirtyPercent, UniformForty
from gdw_notebooks.figures.memorising import memorising
from gdw_notebooks.figures.transition import transition_figure, wrong_share
from gdw_notebooks.panels.broken_data import BrokenData
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded import human_noise

# %% [markdown]
# ## One table says how labels go wrong
#
# Take three classes. For each *true* class (a row) write down how often it gets each *observed* label (a column). This
# is the [transition matrix](../docs/glossary.md#transition-matrix)
#
# $$T_{ij} = P(\text{observed label } j \mid \text{true class } i).$$
#
# Each row sums to 1. The diagonal is what is right.

# %%
names = ("cat", "dog", "bird")
broken = BrokenData([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], names, counts=(300, 300, 300))
broken

# %% [markdown]
# <!-- here -->
# *Move a slider: the other two of its row change in proportion, so that the row still sums to 1.*
# <!-- on the site -->
#
# *The right picture counts by **observed** label, since this is all that you can see in a data set. The black line is
# the number of images of the true class.*
#
# **What you see.** Half of the cats are called dogs. Every image with the label *cat* shows a cat. Of those with the
# label *dog*, a third show something else. So a wrong row damages another *column*.
#
# ## Class sizes count too
#
# **Predict first.** As above, half of the cats are called dogs, and all other labels are right. Now there are 900 cats,
# 90 dogs and 90 birds. What share of the label *dog* is wrong?
#
# - [ ] a third, as before :: With 300 of each class 150 of 450 were wrong. Now 450 cats are called dogs.
# - [ ] a half :: Half of the cats is 450, and there are only 90 real dogs beside them.
# - [x] five in six :: 450 of 540 images with the label dog show a cat. Of all 1,080 labels 42 % are wrong.

# %% tags=["reveals"]
many_cats = BrokenData([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], names, counts=(900, 90, 90))
observed = np.array(many_cats.counts) @ many_cats.matrix
print(f"wrong: {100 * many_cats.wrong_share:.0f} % of all labels, {100 * (1 - 90 / observed[1]):.0f} % of the dogs")

# %% tags=["reveals"]
counts, matrix = np.array([900, 90, 90]), np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]])
wrong = (counts * (1 - matrix.diagonal())).sum() / counts.sum()
assert np.isclose(many_cats.wrong_share, wrong)
many_cats

# %% [markdown]
# **What you see.** The matrix is the same as before. But now five of six images labelled *dog* are no dogs. When a
# large class leaks into a small one, the small one is lost. The [imbalance](../docs/glossary.md#imbalance) of a data
# set is the size of its smallest class divided by that of its largest, here 0.1.
#
# ## What does "40 % noise" mean?
#
# [Uniform noise](../docs/glossary.md#uniform-noise) draws some labels again, from *all* classes. The share that is
# drawn again is the [mixing rate](../docs/glossary.md#mixing-rate) $r$. The matrix is
# $T = (1 - r)\,I + \tfrac{r}{C}\,\mathbf 1$: everywhere $r/C$, and on the diagonal $1 - r$ more.
#
# **Predict first.** Ten classes, mixing rate 0.4: how many of 100 labels are wrong?
#
# - [ ] 40 :: 40 are drawn again. But a new label is drawn from *all* classes.
# - [x] 36 :: One new label in ten is the true one, by chance.
# - [ ] 4 :: That many are drawn again and come out right.

# %% tags=["reveals"]
random = torch.Generator().manual_seed(0)
uniform = transition_matrix("uniform", 0.4, 10, random)
true_labels = torch.arange(10).repeat_interleave(10_000)
labels = corrupt_labels(true_labels, uniform, random)
counted = 100 * wrong_label_rate(true_labels, labels)
print(f"expected {100 * wrong_share(uniform.numpy()):.1f} %, counted {counted:.1f} %")
assert abs(counted - 36) < 0.5

# %% [markdown]
# **What you see.** 36, not 40: one new label in ten is the true one, by chance. Papers differ in what their "40 %"
# means. In `gdw` the `rate` of `"uniform"` is the mixing rate, and each run prints the share that *is* wrong. (The
# noise that draws from the *other* classes only is called `"symmetric"`.)
#
# ## Ten classes: the same rate, another structure
#
# [Flip noise](../docs/glossary.md#flip-noise) sends each class to *one* other class.

# %%
flip = transition_matrix("flip", 0.4, 10, torch.Generator().manual_seed(0)).numpy()
digits = tuple("0123456789")
shares = [100 * wrong_share(each) for each in (uniform.numpy(), flip)]
title = f"Uniform at rate 0.4: {shares[0]:.0f} % wrong, spread over all classes. "
title += f"Flip at rate 0.4: {shares[1]:.0f} % wrong, from each class to one other"
Still(transition_figure({"uniform": uniform.numpy(), "flip": flip}, digits, title=title), alt=title)

# %% [markdown]
# **What you see.** Read a row: for a true 3, how often is each label given? Read a column: which true classes hide
# behind a label? Under flip noise, 40 % of a class agree on *one* wrong label. This is two for every three images
# with the right one.
#
# ## What people do
#
# For the 50,000 training images of CIFAR-10, people were asked for labels (CIFAR-10N). If you take the worst of three
# answers for each image, 40 % are wrong. The matrix below is measured. *Source: Wei et al., ICLR 2022,
# [noisylabels.com](http://noisylabels.com). The labels themselves are published for non-commercial use and are not
# part of this course; with a copy of your own,
# `python -m gdw_notebooks.recorded.human_noise CIFAR-10_human.pt` computes the same matrix.*
#
# People confuse what looks similar. *Look:* which label does a mislabelled cat get most often, and a mislabelled truck?

# %%
people, classes = human_noise.load()
errors = people * (1 - np.eye(10))
most = {name: classes[errors[classes.index(name)].argmax()] for name in ("cat", "truck")}
wrong_of = dict(zip(classes, 100 * errors.sum(1), strict=True))
print(f"a mislabelled cat is most often called {most['cat']}, a truck {most['truck']}")
shares = f"horse {wrong_of['horse']:.0f} %, deer {wrong_of['deer']:.0f} %"
print(f"wrong labels: {shares}, all {100 * wrong_share(people):.0f} %")

# %%
rate = wrong_share(people) / 0.9  # the mixing rate that gives as many wrong labels
synthetic = transition_matrix("uniform", rate, 10, random).numpy()
assert np.isclose(wrong_share(synthetic), wrong_share(people))
largest, usual = 100 * errors.max(), 100 * synthetic[0, 1]
title = f"{100 * wrong_share(people):.0f} % wrong in both, but people mix up similar classes: "
title += f"up to {largest:.0f} % in one cell, where uniform noise has {usual:.1f} % in each"
Still(transition_figure({"people": people, "uniform": synthetic}, classes, title=title), alt=title)

# %%
pairs = [("automobile", "truck"), ("cat", "dog"), ("deer", "horse")]
for one, other in pairs:
    i, j = classes.index(one), classes.index(other)
    print(f"{one} called {other}: {100 * people[i, j]:.0f} %; {other} called {one}: {100 * people[j, i]:.0f} %")
    if one == "deer":
        assert people[i, j] > 2 * people[j, i]
    else:
        assert 1 / 1.2 < people[i, j] / people[j, i] < 1.2

# %% [markdown]
# **What you see.** People mix up classes that look similar. Cat and dog, and automobile and truck, are mixed up both
# ways to nearly the same degree; deer and horse are not: many deer are called horses, but few horses are called deer.
# Uniform noise has none of this.
#
# One more difference is not in any matrix. A matrix says that every cat is equally hard. For people some pictures are
# hard (small, dark, seen from behind) and others are never mislabelled. So labels drawn from the *measured* matrix are
# still not like the real ones. Notebook 08 shows results on real ones.
#
# ## What a network makes of them
#
# Digits, uniform noise at rate 0.6 (about 54 % wrong labels), trained on all labels as if they were right. Three seeds.
#
# **Predict first.** The training loss on the *wrong* labels starts at about 2.3 nats, which is guessing. And then?
#
# - [ ] it falls from the start :: The network first learns what most labels agree on. That makes wrong labels less
#   likely.
# - [x] it first rises, later it falls below guessing :: First the network gets surer of the true class; then it learns
#   some of the wrong labels by heart, and the test accuracy falls.
# - [ ] it rises and stays above guessing :: That would be a network that never learns by heart. This one has 60 epochs.

# %% tags=["reveals"]
experiment = gdw.Experiment(dataset="digits", noise="uniform", rate=0.6, method="cross-entropy", epochs=60)
runs = gdw.run_seeds(experiment, range(3))
accuracy = np.mean([run["test_accuracy"] for run in runs], axis=0)
loss = np.mean([run["group_loss"][:, 1] for run in runs], axis=0)  # on wrong labels
print(f"test accuracy: epoch 10 ≈ {accuracy[9]:.0f} %, epoch 60 ≈ {accuracy[-1]:.0f} %")
print(f"loss on wrong labels: epoch 10 ≈ {loss[9]:.2f} nats, epoch 60 ≈ {loss[-1]:.2f} nats")

# %% tags=["reveals"]
guessing = np.log(10)
for run in runs:
    assert run["test_accuracy"][7:12].mean() > run["test_accuracy"][-5:].mean() + 4
    assert run["group_loss"][9, 1] > guessing > run["group_loss"][-1, 1]

# %% tags=["reveals"]
best = int(accuracy.argmax()) + 1
title = f"Accuracy is best near epoch ≈ {best} and falls while the loss on wrong labels falls below guessing, "
title += f"to ≈ {loss[-1]:.1f} nats"
Still(memorising(runs, title=title, marked=best), alt=title + ". Above test accuracy, below the training losses.")

# %% [markdown]
# *Means of three seeds, ± one standard deviation. The dotted lines mark the epoch of the best mean accuracy, and the
# loss of guessing, ln 10 ≈ 2.30.*
#
# **What you see.** First the network learns what most labels agree on. The loss on wrong labels *rises* above guessing:
# the network gets surer of the true class. Then this loss falls slowly, and from about epoch 20 the test accuracy falls
# too: the network learns a part of the wrong labels by heart (at 1.8 nats a wrong label has a probability of about
# 0.17, as a geometric mean). This second part is [memorisation](../docs/glossary.md#memorisation). All methods of this
# course try to prevent it.
#
# ## Exercise 1: exactly 30 %
#
# 500 cats, 300 dogs, 200 birds. Write a transition matrix (rows: cat, dog, bird) so that **exactly 30 %** of all 1,000
# labels are wrong and all labels of **birds** are right.

# %%
thirty_percent = ThirtyPercent()
# BEGIN SOLUTION
my_matrix = [[0.4, 0.4, 0.2], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # 500 · 0.6 = 300 wrong labels
# STUB: my_matrix = [[..., ..., ...], [..., ..., ...], [..., ..., ...]]
# END SOLUTION
thirty_percent(my_matrix)

# %% [markdown]
# ## Exercise 2: what uniform 40 % comes to
#
# Uniform noise with mixing rate 0.4. What share of the labels is wrong with 2, with 10 and with 100 classes?

# %%
uniform_forty = UniformForty()
# BEGIN SOLUTION
answer = [100 * 0.4 * (classes - 1) / classes for classes in (2, 10, 100)]
# STUB: answer = [..., ..., ...]  # in %, for 2, 10 and 100 classes
# END SOLUTION
uniform_forty(answer)

# %% [markdown]
# ## Recap
#
# - A transition matrix has a row for each true class; the share of wrong labels is the mean of 1 − diagonal over the
#   *images*, so class sizes count.
# - Uniform noise at mixing rate $r$ gives $r\,(C-1)/C$ wrong labels: 36 % for $r = 0.4$ and ten classes.
# - The same share of wrong labels can be spread evenly (uniform), go from each class to one other (flip) or follow
#   similarity (people). People's mistakes also depend on the picture, which no matrix says.
# - A network learns first what is common, then more and more wrong labels by heart. Its test accuracy rises and falls
#   again.
#
# ## Quiz
#
# 1. Two classes, uniform noise, mixing rate 1. What share of the labels is wrong?
#    - [ ] all of them :: Every label is drawn again, but from both classes.
#    - [x] half of them :: One in two new labels is the right one.
# 2. Under flip noise at rate 0.6 with ten classes, what does plain training learn?
#    - [ ] the true class: it has the largest share :: 40 % of each class have the right label, 60 % agree on one wrong
#      label.
#    - [x] the wrong class :: It is the majority.
# 3. The training loss on wrong labels is above ln 10. Is this bad?
#    - [x] no :: On average (of the logarithm) the network gives the wrong label less than one tenth, which is what
#      guessing gives. It gets bad when this loss falls.
#    - [ ] yes, a loss should fall :: Not on labels that are wrong: to fit them is to learn them by heart.
#
# **Take-away:** a noise rate alone says little: ask which labels go where, and how many images each class has.
#
# **Next:** [03 · How can 50 clean images weight a thousand others?](03_learning_from_a_clean_set.ipynb)
