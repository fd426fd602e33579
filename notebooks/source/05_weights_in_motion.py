# %% [markdown]
# # 05 · Which flows get more weight, and when?
#
# The paper's first figure tells a story: on a mislabelled image, GDW turns down the two flows that are wrong and keeps
# all flows that are true. Does this happen in a real run? This notebook counts it, epoch by epoch.
#
# **You will**
# - compare the paper's story with a real run, and find which part of GDW does what;
# - follow one wrong label through a whole training run;
# - read a table of all flows by true class and flow class, on a long tail.
#
# **Time** about 25 minutes (an estimate). Further reading. **You need** notebooks 01, 03 and 04. New words are in the
# [glossary](../docs/glossary.md).

# %%
import numpy as np

import gdw
from gdw.comparison.report import paired_difference

# %%
from gdw_notebooks.checks.motion import HighestRatio
from gdw_notebooks.figures.followed import followed
from gdw_notebooks.figures.ledger import push_over_pull, tail_balance
from gdw_notebooks.figures.scores import scores
from gdw_notebooks.figures.weight_curve import weight_curve
from gdw_notebooks.figures.weights import weights_by_group
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded import histories as record

# %% [markdown]
# ## The paper's Figure 1, measured
#
# Digits, 60 % uniform noise (about 54 % wrong labels), 60 epochs, 5 seeds. The runs were recorded in float64 with
# `python -m gdw_notebooks.recorded.histories 05-noisy`. A History keeps, for every epoch, the mean weight of each kind
# of flow. A mislabelled image has three kinds: the **observed label's** ("dog!", wrong), the **true class's** ("not
# cat", wrong) and the **others'** ("not bird", true).
#
# Notebook 04 showed one step. *Look* which of the three mean weights is near 1 at epoch 10, and which still is at 60.

# %%
noisy = record.load("05-noisy")
plain = np.mean([h["flow_weight_plain"] for h in noisy["gdw"]], axis=0)  # [epochs, clean/mislabelled, 3 kinds]
for epoch in (1, 5, 10, 15, 60):
    observed, true, others = plain[epoch - 1, 1]
    print(f"epoch {epoch:2}: observed label {observed:.2f}, true class {true:.2f}, other classes {others:.2f}")
ten, fifteen = plain[9, 1], plain[14, 1]
assert ten[1] < 0.25 < ten[0] < 0.5 < 0.95 < ten[2]
assert fifteen.max() < 0.1

# %%
title = f"Wrong labels: at epoch 10 the weights are ≈ {ten[0]:.2f} (observed label), ≈ {ten[1]:.2f} (true class) and "
title += f"≈ {ten[2]:.2f} (others); at epoch 15 none is above ≈ {fifteen.max():.2f}"
figure = weights_by_group(noisy["gdw"], name="flow_weight_plain", marked=10, title=title)
clean = plain[:, 0, 0]
alt = f"{title}. On clean images the label's weight is ≈ {clean[14]:.2f} at epoch 15, ≈ {clean[59]:.2f} at epoch 60."
Still(figure, alt=alt)

# %% [markdown]
# **What you see.** The story is real: at epoch 10 the true class's flow has about a fifth of its weight, the observed
# label's less than half, and the others' nearly all. But it does not last. Five epochs later all three are near 0: the
# whole image is removed, and the weights are no longer class-level. What does this? Two parts of GDW set the weights.
# Stage two asks the clean set about every flow. Before it, stage one's [weight
# network](../docs/glossary.md#weight-network) $V$ sees only the *loss* of the image. Look at $V$: which weight does it
# give to a loss of 4 nats?

# %%
curve = noisy["gdw"][0]["weight_curve"]  # of the first seed: V at the losses 0, 0.25, ... 8 nats
lowers = curve[:, 16] < curve[:, 0]  # whether V gives 4 nats less weight than 0 nats
first = int(lowers.argmax()) + 1
assert not lowers[:10].any()
assert lowers[first - 1 : 60].all()
title = f"One seed: up to epoch {first - 1} V gives a loss of 4 nats at least the weight of a loss of 0; "
title += f"at epoch 15 a loss of 4 nats has weight ≈ {curve[14, 16]:.2f}"
Still(weight_curve(noisy["gdw"][0], [1, 5, 10, 15, 60], title=title), alt=title)

# %%
print(f"epoch 1: V rises from ≈ {curve[0].min():.2f} to ≈ {curve[0].max():.2f} with the loss")
print(f"a loss of 4 nats has weight ≈ {curve[9, 16]:.2f} at epoch 10, ≈ {curve[14, 16]:.2f} at epoch 15")

# %% [markdown]
# **What you see.** At epoch 1, $V$ even gives *more* weight to large losses; at epoch 10 it is nearly flat. At epoch 15
# it says "large loss, small weight". (A likely reason, not shown here: early on, the losses of right and wrong labels
# overlap.) From then on a mislabelled image is turned down before stage two sees it. This is instance weighting.
#
# **Predict first.** Now hold $V$ at 1 for the whole run, so that stage two alone sets the weights. What happens?
#
# - [ ] the story stays to the end, and the accuracy rises by several points :: The story does stay. The accuracy hardly
#   changes.
# - [x] the story stays to the end, and the accuracy hardly changes :: The three means end within two points.
# - [ ] the story goes all the same :: It was V that ended it.

# %% tags=["reveals"]
held = np.mean([h["flow_weight_plain"] for h in noisy["V held at 1"]], axis=0)
last = held[59, 1]
assert last[1] < last[0] < 0.3 < 0.9 < last[2]
title = f"With V held at 1, epoch 60: observed label ≈ {last[0]:.2f}, true class ≈ {last[1]:.2f}, "
title += f"others ≈ {last[2]:.2f}"
figure = weights_by_group(noisy["V held at 1"], name="flow_weight_plain", marked=10, title=title)
Still(figure, alt=title + ". GDW with stage two alone, five seeds.")

# %% tags=["reveals"]
names = {"only-clean": "only-clean", "cross-entropy": "cross-entropy", "gdw-tied": "gdw-tied", "gdw": "gdw"}
table = {"": {name: [h.accuracy for h in noisy[label]] for label, name in names.items()}}
table["V held at 1"] = {"gdw": [h.accuracy for h in noisy["V held at 1"]]}
means = [np.mean(values) for by_method in table.values() for values in by_method.values()]
apart = max(means[2:]) - min(means[2:])  # tied GDW, GDW, GDW with V held at 1
assert apart < 2
title = f"Tied GDW, GDW, and GDW with V held at 1: their means are within ≈ {apart:.1f} points"
Still(scores(table, title=title), alt=title + ". A dot for each of five seeds, a line at the mean.")

# %% [markdown]
# **What you see.** GDW, tied GDW and GDW with $V$ held at 1 end within two points of each other. But their weights are
# very different: tied GDW never has more than one weight per image, GDW has class-level weights for some ten epochs,
# and with $V$ held at 1 they stay to the end. A nice picture of the weights does not prove a better classifier.
#
# ## How much of it is trivial?
#
# "The others keep their weight" is partly trivial. When the network is sure, most of the other classes' flows are tiny.
# Their $g$ is tiny too, and stage two hardly moves them. A stricter way to count gives each flow an importance equal to
# its size, $|p_c - [c=t]|$, so that a large flow counts more than a small one ("counted by |p − y|" in the figures,
# where $y$ is the one-hot label). A third way asks for the **share of mass**: which part of all that is sent back,
# weights included, belongs to each kind of flow?

# %%
views = {"every flow once": "flow_weight_plain", "counted by |p − y|": "flow_weight", "share of mass": "flow_mass"}
at_ten = {name: np.mean([h[name][9, 1] for h in noisy["gdw"]], axis=0) for name in views.values()}
for label, name in views.items():
    observed, true, others = at_ten[name]
    print(f"{label:24} observed label {observed:.2f}, true class {true:.2f}, other classes {others:.2f}")
assert at_ten["flow_weight"].argsort().tolist() == at_ten["flow_weight_plain"].argsort().tolist()  # the same order
assert at_ten["flow_mass"].argmax() == 0  # the observed label's

# %%
mass = at_ten["flow_mass"]
assert abs(mass[0] - mass[1] - mass[2]) < 0.01  # the constraint: pull = pushes
title = f"Shares of mass at epoch 10, wrong labels: observed label ≈ {mass[0]:.2f}, true class ≈ {mass[1]:.2f}, "
title += f"others ≈ {mass[2]:.2f}"
figure = weights_by_group(noisy["gdw"], name="flow_mass", marked=10, title=title)
Still(figure, alt=title + ". Shares of all that is sent back, five seeds.")

# %% [markdown]
# **What you see.** The story is still true with the stricter count. But by mass, "dog!" stays the largest of the three.
# It must: the constraint makes the label's pull equal to the sum of the other pushes. On average the wrong pull is made
# *smaller* (its weight is 0.42), but its *share* rises up to epoch 10, since right labels (left, the other 0.42 of the
# mass) are turned down as well. It is never reversed.
#
# ## One wrong label, from the first batch to the last
#
# Now live: the first mislabelled image of the training set, followed through 60 epochs.
#
# The *mean* weight of the true class's flow was below 1 from the first epoch, and at epoch 15 all means were near 0.
# Does this hold for a single image?

# %%
training = gdw.Training(gdw.Experiment(noise="uniform", rate=0.6, method="gdw"))
labels, truth = training.task.train.labels, training.task.true_labels
who = int((labels != truth).nonzero()[0])
visits, weights = [], []
for event in training.events():
    if isinstance(event, gdw.BatchDone) and who in event.step.indices:
        row = (event.step.indices == who).nonzero().item()
        visits.append(event.epoch + 1)
        weights.append((event.gradient[row] * len(event.step) / event.step.flows[row]).numpy())

# %%
weights, observed, true = np.array(weights), labels[who].item(), truth[who].item()
late, early = weights[np.array(visits) > 15], weights[np.array(visits) <= 15, true]
title = f"A {true} labelled {observed}: the wrong “not {true}” is turned up to ≈ {early.max():.1f} at epoch "
title += f"≈ {visits[early.argmax()]}; after epoch 15 the mean weight is ≈ {late.mean():.2f}, the largest "
title += f"≈ {late.max():.2f}"
assert early.max() > 1.5
assert late.mean() < 0.3
assert late.max() > 0.5
Still(followed(weights, visits, observed, true, title=title), alt=title)

# %% [markdown]
# **What you see.** One image is noisier than the mean. Around epochs 4 and 5 it even contradicts the story: the wrong
# “not the true class” is turned *up*, and “this label!” with it (the constraint). Late jumps happen too. Stage two
# starts again at every batch and keeps nothing. Only $V$, the network and the momentum of their optimisers carry
# something from batch to batch.
#
# ## The ledger: a long tail
#
# Now no label is wrong, but some classes are rare. A rare class's logit is **pulled** up by its own few images, and
# **pushed** down by the "not me" of all other images. (Notebook 01 called both a push, with its sign.) Five seeds were
# recorded with `python -m gdw_notebooks.recorded.histories 05-long-tail`.

# %%
tail = record.load("05-long-tail")
counts = tail["gdw"][0].class_counts
start = np.nanmedian([push_over_pull(h)[0, 0, 9] for h in tail["gdw"]])
print(f"images per class: {', '.join(map(str, counts))}; largest over smallest {max(counts) / min(counts):.0f} : 1")
smallest = 0.02 * max(counts)
print(f"(imbalance 0.02 asks for 50 : 1; 0.02 · {max(counts)} = {smallest:.1f} images are rounded to {min(counts)})")
print(f"rarest class, first epoch, before weighting: push over pull ≈ {start:.0f}")
assert 10 < start < 20

# %% [markdown]
# **Predict first.** Make a matrix of mean weights: rows are true classes, columns are flow classes. What does GDW turn
# down here?
#
# - [ ] rows: whole images of the frequent classes :: That is all that tied GDW can do, and it does.
# - [x] columns: "not 9" of all images :: It turns down single flows: what pushes rare classes' logits down.
# - [ ] the diagonal: "this is a 0" :: The diagonal is set by the constraint, from all others.

# %% tags=["reveals"]
ledger = FlowLedger([tail["gdw"][0], tail["gdw-tied"][0]], epoch=4)
ledger

# %% [markdown]
# <!-- here -->
# *The slider (arrow keys) goes through the epochs, and the play button runs them.*
# <!-- on the site
# <em>In <a href="../live/ledger.html">the flow ledger</a> a slider goes through the epochs.</em> -->
#
# *Unfold the other tables. Open marks: before weighting. Filled marks: after weighting, what was sent back. One seed.*

# %%
by_flow, matrix = {}, {}
for name, method in {"GDW": "gdw", "tied GDW": "gdw-tied"}.items():
    weights = tail[method][0]["class_weight"][3]  # true class × flow class, epoch 4, the first seed
    matrix[name] = weights = np.where(np.eye(10), np.nan, weights)  # without the diagonal: it says “this”, not “not …”
    columns, rows = np.nanmean(weights, axis=0), np.nanmean(weights, axis=1)
    by_flow[name] = "columns" if columns.std() > rows.std() else "rows"
    for kind, values in {"columns": columns, "rows": rows}.items():
        print(f"{name:8} means of {kind:7}", " ".join(f"{value:.2f}" for value in values))
assert by_flow == {"GDW": "columns", "tied GDW": "rows"}

# %%
tied_rows = np.nanmean(matrix["tied GDW"], axis=1)
assert np.nanmin(matrix["GDW"][:, 0]) > 1.3 > 0.7 > np.nanmax(matrix["GDW"][:, 9])  # of all images
assert tied_rows[0] < 0.3 < 1 < tied_rows[9]
ratio = {m: np.stack([push_over_pull(h)[3, :, 9] for h in tail[m]]) for m in ("gdw", "gdw-tied")}
for method, values in ratio.items():
    (before, after), (low, high) = np.nanmedian(values, 0), np.nanquantile(values[:, 1], (0, 1))
    print(f"epoch 4, {method:8}: push / pull {before:.1f} → {after:.1f} (median; after: {low:.1f} to {high:.1f})")
assert all((values[:, 1] < values[:, 0]).all() for values in ratio.values())

# %% [markdown]
# **What you see.** At epoch 4, on this seed, the two methods do quite different things. GDW works by **columns**: it
# turns up the "not 0" and "not 1" of all images of other digits and turns down their "not 3" to "not 9", to about 0.6:
# not the rarest class alone. (The diagonal, "this is a 0", is left out of these means.) Tied GDW cannot do this. It
# works by **rows**: it turns down whole images of the frequent classes, with their pull. On all five seeds both make
# the rare class's push over pull smaller at this epoch.
#
# At 1, push and pull are equal. Over the first 20 epochs, does weighting always bring the ratio nearer to 1?

# %%
median = {m: np.nanmedian([push_over_pull(h)[:20, :, 9] for h in tail[m]], axis=0) for m in ("gdw", "gdw-tied")}
away = {m: np.abs(np.log(values)) for m, values in median.items()}  # distance from 1, as a ratio
farther = {m: np.flatnonzero(d[:, 1] > d[:, 0]) + 1 for m, d in away.items()}  # epochs
assert all((values[1:, 1] < values[1:, 0]).all() for values in median.values())  # lowered from the second epoch on
assert farther["gdw"].tolist() == list(range(9, 21))
last = {m: values[19, 1] for m, values in median.items()}
title = "Both methods lower the rarest class's push over pull from epoch 2 on, later to below 1: at epoch 20 GDW to "
title += f"≈ {last['gdw']:.3f}, tied GDW to ≈ {last['gdw-tied']:.1f}"
figure = tail_balance({m: tail[m] for m in ("gdw", "gdw-tied")}, epochs=20, title=title)
Still(figure, alt=title + ". Medians of five seeds with their range, on a logarithmic axis.")

# %%
for method, epochs in farther.items():
    print(f"{method}: farther from 1 than before weighting at epochs", *epochs)
assert last["gdw"] < 0.05 < 0.2 < last["gdw-tied"] < 1

# %% [markdown]
# **What you see.** Not always. From epoch 2 on both bring push and pull nearer to each other, and later both make the
# push too small: tied GDW by a factor of about 1.5, at the end of about 3, GDW at epoch 20 of nearly 200. From epoch 9
# on GDW is farther from 1 than before weighting. How does its accuracy compare with cross-entropy, and with only the
# clean set?

# %%
table = {"": {name: np.array([h.accuracy for h in tail[label]]) for label, name in names.items()}}
mean = {name: values.mean() for name, values in table[""].items()}
spread = {name: values.std(ddof=1) for name, values in table[""].items()}
behind = mean["only-clean"] - max(mean["gdw"], mean["gdw-tied"], mean["cross-entropy"])
assert behind > 3
assert min(spread["gdw"], spread["gdw-tied"]) > spread["cross-entropy"]
title = f"Long tail: the mean of the 50 clean images alone is ≈ {behind:.0f} points above those of GDW, tied GDW and "
title += "cross-entropy, or more"
Still(scores(table, title=title), alt=title + ". A dot for each of five seeds, a line at the mean.")

# %%
below = {
    name: paired_difference(table[""][name], table[""]["only-clean"]) for name in ("gdw", "gdw-tied", "cross-entropy")
}
for name, difference in below.items():
    print(f"{name} − only-clean: {difference} points")
print(f"GDW − cross-entropy: {paired_difference(table['']['gdw'], table['']['cross-entropy'])} points")
assert [name for name, difference in below.items() if difference.high < 0] == ["cross-entropy"]
assert max(abs(mean[name] - mean["cross-entropy"]) for name in ("gdw", "gdw-tied")) < spread["gdw"]

# %% [markdown]
# **What you see.** GDW and tied GDW end near cross-entropy, with a wider spread. All three means are 7 to 8 points
# below training on the clean set alone, which is balanced; with five seeds only cross-entropy's difference is decided.
# With two images of a class there is little that weights can turn up. To lower the rare class's push over pull did not
# give a better classifier here.
#
# ## Exercise: the most pushed class
#
# For GDW's first seed at **epoch 3**: which class has the highest push over pull before weighting, how high is it, and
# what is it after weighting? `history["pull_push"]` is [epochs, before/after, pull/push, classes].

# %%
history = tail["gdw"][0]
highest_ratio = HighestRatio(history, epoch=3)

# BEGIN SOLUTION
(pull_before, push_before), (pull_after, push_after) = history["pull_push"][2]
which = np.argmax(push_before / pull_before)
answer = (which, (push_before / pull_before)[which], (push_after / pull_after)[which])
# STUB: answer = None  # (class, ratio before, ratio after)
# END SOLUTION
highest_ratio(answer)

# %% [markdown]
# ## Recap
#
# - On average, the paper's Figure 1 is real on digits in the first ten epochs. Then $V$ learns "large loss, small
#   weight", and the whole image goes.
# - With $V$ held at 1 the story stays to the end, at nearly the same accuracy. Counted by |p − y|, GDW's order at epoch
#   10 is the same.
# - No weight is kept from batch to batch: one image's weights jump, sometimes against the story, and only their mean
#   tells it.
# - On the long tail GDW turns down columns ("not 3" to "not 9"), tied GDW rows. Both lower the rarest class's push over
#   pull, and both too far, GDW by much more; neither gains accuracy from it.
#
# ## Quiz
#
# 1. Which part of GDW ends the story of Figure 1?
#    - [x] stage one :: V sees only the loss and gives one weight to the whole image.
#    - [ ] stage two :: It asks about every flow, at every batch, to the end.
#    - [ ] the constraint :: It only sets the label's weight from the others.
# 2. Why is "the others keep their weight" partly trivial?
#    - [x] their flows and their g are often tiny :: Stage two hardly moves such weights.
#    - [ ] they are always true :: That is why one *wants* to keep them. It moves no weight.
# 3. Push over pull of a class is 0.1 after weighting. Is that balanced?
#    - [ ] yes, little pushes it down :: 1 is balanced.
#    - [x] no :: At 0.1 its logit is pulled up ten times as much as it is pushed down.
#
# **Take-away:** on average the weights do what the paper says, for some epochs; a story about weights is no proof of
# accuracy.
#
# **Next:** [06 · When does it help, and when not?](06_when_does_it_help.ipynb) All methods, compared.
