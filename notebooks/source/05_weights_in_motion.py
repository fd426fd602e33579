# %% [markdown]
# # 05 · Who gains weight, and when?
#
# The paper's first figure tells a story: for a mislabelled image GDW turns down the two flows that lie and keeps
# all those that are true. Does it, on a real run? Yes; and then the story passes. This notebook keeps the books,
# epoch by epoch.
#
# **You will**
# - see the paper's story happen between epochs 3 and 12, and see what ends it;
# - follow one wrong label through a whole training run;
# - read a ledger of all flows by true class and flow class, on a long tail, where GDW loses.
#
# **Time** about 30 minutes (all cells together run in half a minute). **You need** notebooks 01, 03 and 04.

# %%
import numpy as np

# %%
import gdw
from gdw_notebooks.checks.motion import HighestRatio
from gdw_notebooks.checks.prediction import Prediction
from gdw_notebooks.figures.followed import followed
from gdw_notebooks.figures.ledger import push_over_pull, tail_balance
from gdw_notebooks.figures.scores import scores
from gdw_notebooks.figures.weight_curve import weight_curve
from gdw_notebooks.figures.weights import weights_by_group
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.still import Still
from gdw_notebooks.recorded import histories as record

# %% [markdown]
# ## The paper's Figure 1, as measured
#
# Digits, 60 % mixing noise (54 % wrong labels), 60 epochs, 5 seeds. The runs were recorded in float64: `python -m
# gdw_notebooks.recorded.histories 05-noisy`. A History keeps, for every epoch, the mean weight of each kind of flow.
# On a mislabelled image there are three kinds: the **observed label's** ("dog!", a lie), the **true class's** ("not
# cat", a lie) and the **others'** ("not bird", true).
#
# **Predict first.** All weights start near 1. Where do the three stand at epoch 10? And at epoch 60?

# %%
kinds = ("observed label", "true class", "other classes")
at_10 = Prediction({"observed label": None, "true class": None, "other classes": None})  # mean weights, 0 to 1
at_60 = Prediction({"observed label": None, "true class": None, "other classes": None})
print("Epoch 10.", at_10, "Epoch 60.", at_60)

# %%
noisy = record.load("05-noisy")
plain = np.mean([h["flow_weight_plain"] for h in noisy["gdw"]], axis=0)  # [epochs, clean/mislabelled, 3 kinds]
for epoch in (1, 5, 10, 15, 60):
    observed, true, others = plain[epoch - 1, 1]
    print(f"epoch {epoch:2}: observed label {observed:.2f}, true class {true:.2f}, other classes {others:.2f}")
assert plain[9, 1, 1] < plain[9, 1, 0] < 0.6 < 0.9 < plain[9, 1, 2]
assert plain[19, 1].max() < 0.2 < 0.8 < plain[19, 0, 0]

# %%
at_10.reveal(dict(zip(kinds, plain[9, 1], strict=True)), close=0.15, look="which of the three still stands?")

# %%
at_60.reveal(dict(zip(kinds, plain[59, 1], strict=True)), close=0.15, look="and now? When did it fall?")

# %%
title = "Wrong labels: by epoch 10 the lies are turned down and the truth is kept; by 15 all of it is gone"
figure = weights_by_group(noisy["gdw"], name="flow_weight_plain", marked=10, title=title)
Still(figure, alt=title + ". On clean images all weights stay high until late.")

# %% [markdown]
# **What you see.** The story is real: at epoch 10 the true class's flow keeps about a fifth of its weight, the
# observed label's less than half, and the others' nearly all. And it passes. Within five epochs all three fall to
# almost nothing, together: not class-level weights any more, but the whole image thrown out. Who does this? There
# are two hands on the weights. Stage two asks the clean set about every flow; before it, stage one's $V$ sees the
# *loss* alone. Let us look at $V$.

# %%
title = "Until epoch 10 V gives every loss the same weight; by 15 it has learnt: high loss, weight 0"
curve = noisy["gdw"][0]["weight_curve"]  # V at the losses 0, 0.25, ... 8 nats
assert curve[9].min() > 0.8 > 0.2 > curve[14, 16]
Still(weight_curve(noisy["gdw"][0], [1, 5, 10, 15, 60], title=title), alt=title + ". One seed.")

# %% [markdown]
# **What you see.** As long as the losses of right and wrong labels overlap, $V$ has nothing to go by. Around epoch
# 12 they have come apart, $V$ finds out, and from then on a mislabelled image is silenced before stage two sees it:
# instance weighting, after all.
#
# **Predict first.** With $V$ held at 1 throughout, does the story stay to the end? And does the accuracy suffer?

# %%
story = Prediction({"the story": None}, choices=("stays", "goes"))
cost = Prediction({"V held at 1 − GDW": None})  # in points of test accuracy
print(story, cost, sep="\n")

# %%
held = np.mean([h["flow_weight_plain"] for h in noisy["V held at 1"]], axis=0)
assert held[59, 1, 1] < held[59, 1, 0] < 0.3 < 0.9 < held[59, 1, 2]
title = "With V held at 1 the lies stay down and the truth stays up to the end"
figure = weights_by_group(noisy["V held at 1"], name="flow_weight_plain", marked=10, title=title)
Still(figure, alt=title + ". GDW with stage two alone, five seeds.")

# %%
stays = "stays" if held[59, 1, 2] - held[59, 1, 1] > 0.5 else "goes"
story.reveal({"the story": stays}, look="are the three lines apart at epoch 60?")

# %%
names = {"only-clean": "only-clean", "cross-entropy": "cross-entropy", "gdw-tied": "gdw-tied", "gdw": "gdw"}
table = {"": {name: [h.accuracy for h in noisy[label]] for label, name in names.items()}}
table["V held at 1"] = {"gdw": [h.accuracy for h in noisy["V held at 1"]]}
means = [np.mean(values) for by_method in table.values() for values in by_method.values()]
assert max(means[2:]) - min(means[2:]) < 3
title = "Three ways to weight, one accuracy"
Still(scores(table, title=title), alt=title + ". A dot for each of five seeds.")

# %%
came = {"V held at 1 − GDW": means[-1] - means[-2]}
cost.reveal(came, close=1, unit="points", look="how far do the five seeds of one method lie apart?")

# %% [markdown]
# **What you see.** GDW, tied GDW and GDW with $V$ held at 1 reach the same accuracy by different books: three very
# different stories about the weights, and the test images cannot tell them apart. A pretty weight picture is no
# proof of a better classifier.
#
# ## How much of it is trivial?
#
# "The others keep their weight" is partly cheap. Once the network is sure, most of the other classes' flows are
# tiny; so is their $g$, and stage two leaves them be. Counting each flow by its size $|p - y|$, and then asking for
# its share of all that is sent back, is the stricter view.

# %%
views = {"every flow once": "flow_weight_plain", "counted by |p − y|": "flow_weight", "share of mass": "flow_mass"}
for label, name in views.items():
    observed, true, others = np.mean([h[name][9, 1] for h in noisy["gdw"]], axis=0)
    print(f"{label:24} observed label {observed:.2f}, true class {true:.2f}, other classes {others:.2f}")
by_size = np.mean([h["flow_weight"][9, 1] for h in noisy["gdw"]], axis=0)
assert by_size[1] < by_size[0] < 0.6 < 0.8 < by_size[2]

# %%
title = "By gradient mass too: at epoch 10 the true class's flow is small, the others' stand beside the label's"
figure = weights_by_group(noisy["gdw"], name="flow_mass", marked=10, title=title)
Still(figure, alt=title + ". Shares of all that went back, five seeds.")

# %% [markdown]
# **What you see.** The story survives the stricter count (about 0.9 for the others at epoch 10). But by mass "dog!"
# remains the loudest of the three: the constraint says so, for the label's pull must equal what pushes the others
# down. The lie is *reduced*; it is never turned round.
#
# ## One wrong label, from the first batch to the last
#
# Now live: the first mislabelled image of the training set, followed through 60 epochs by the events of the loop.

# %%
training = gdw.Training(gdw.Experiment(noise="uniform", rate=0.6, method="gdw"))
labels, truth = training.task.train.labels, training.task.clean_labels
who = int((labels != truth).nonzero()[0])
visits, weights = [], []
for event in training.events():
    if isinstance(event, gdw.BatchDone) and who in event.step.indices:
        row = (event.step.indices == who).nonzero().item()
        visits.append(event.epoch + 1)
        weights.append((event.gradient[row] * len(event.step) / event.step.flows[row]).numpy())

# %%
weights, observed, true = np.array(weights), labels[who].item(), truth[who].item()
early = (np.array(visits) >= 5) & (np.array(visits) <= 12)
assert weights[-10:].mean() < 0.3
title = f"A {true} labelled {observed}: its flows part early on, and all of them are shut later"
Still(followed(weights, visits, observed, true, title=title), alt=title)

# %% [markdown]
# **What you see.** One image is noisier than a mean: its weights jump with every batch, for stage two starts anew
# each time and keeps nothing. What carries over from batch to batch is $V$ alone, and the network's own belief.
#
# ## The ledger: a long tail
#
# No label is wrong now, but the classes are unequal: 120 images of 0, two of 9 (imbalance 0.02, "50 : 1"). A rare
# class's logit is **pulled** up by its own few images, and **pushed** down by everybody else's "not me". Before
# weighting, push over pull is about 15 in the first epoch. Recorded by `python -m gdw_notebooks.recorded.histories
# 05-long-tail`.
#
# **Predict first.** GDW can turn down single flows, tied GDW whole images. Which cells of a true class × flow class
# matrix will GDW turn down, and which rows will tied GDW?

# %%
guess = Prediction({"GDW": None, "tied GDW": None}, choices=("rows", "columns"))
guess

# %%
tail = record.load("05-long-tail")
ledger = FlowLedger([tail["gdw"][0], tail["gdw-tied"][0]], epoch=4)
ledger

# %% [markdown]
# *The slider (arrow keys) goes through the epochs, the play button runs them; "Show as table" gives the numbers.
# Open marks: before weighting, the flows as they are; filled marks: after, what was sent back. One seed.*
#
# **What you see.** At epoch 4 the two make quite different entries. GDW works by **columns**: it turns up everybody's
# "not 0" (to about 1.5), leaves each image's own label near 1 (the diagonal), and turns down "not 9" and its like to
# about a half, for *all* images. Tied GDW cannot: it works by **rows**, and turns down whole images of the frequent
# classes, their pull included. Both bring the rare class's push over pull down by about half.

# %%
by_flow = {}
for name, method in {"GDW": "gdw", "tied GDW": "gdw-tied"}.items():
    weights = tail[method][0]["class_weight"][3]  # true class × flow class, at epoch 4, the first seed
    columns, rows = np.nanstd(np.nanmean(weights, axis=0)), np.nanstd(np.nanmean(weights, axis=1))
    by_flow[name] = "columns" if columns > rows else "rows"
guess.reveal(by_flow, look="which cells in the row of the 9 differ between the two?")

# %%
ratio = {m: np.stack([push_over_pull(h)[3, :, 9] for h in tail[m]]) for m in ("gdw", "gdw-tied")}
for method, values in ratio.items():
    (before, after), (low, high) = np.nanmedian(values, 0), np.nanquantile(values[:, 1], (0, 1))
    print(f"epoch 4, {method:8}: push / pull {before:.1f} → {after:.1f} (median; after: {low:.1f} to {high:.1f})")
assert all((values[:, 1] < values[:, 0]).all() for values in ratio.values())

# %%
whole = {m: np.stack([push_over_pull(h)[1:20, :, 9] for h in tail[m]]) for m in ("gdw", "gdw-tied")}
assert all((np.nanmedian(v[:, :, 1], 0) < np.nanmedian(v[:, :, 0], 0)).all() for v in whole.values())
title = "From the second epoch on both methods lower the rarest class's push over pull"
figure = tail_balance({m: tail[m] for m in ("gdw", "gdw-tied")}, epochs=20, title=title)
Still(figure, alt=title + ". Medians of five seeds with their range, on a logarithmic axis.")

# %% [markdown]
# **Predict first.** So the books are balanced better. Is the accuracy?

# %%
rivals = {"cross-entropy": "cross-entropy", "only the clean set": "only-clean"}
guess = Prediction({f"GDW − {name}": None for name in rivals})  # in points of test accuracy
guess

# %%
table = {"": {name: [h.accuracy for h in tail[label]] for label, name in names.items()}}
mean = {name: np.mean(values) for name, values in table[""].items()}
assert mean["only-clean"] > max(mean["gdw"], mean["gdw-tied"], mean["cross-entropy"]) + 3
assert abs(mean["gdw"] - mean["cross-entropy"]) < 8
title = "On the long tail all three lose to the fifty clean images alone"
Still(scores(table, title=title), alt=title + ". A dot for each of five seeds.")

# %%
came = {f"GDW − {name}": mean["gdw"] - mean[key] for name, key in rivals.items()}
guess.reveal(came, close=2, unit="points", look="how many pictures of a 9 are there to weight?")

# %% [markdown]
# **What you see.** No. GDW and tied GDW end where cross-entropy does, with a wider spread, and all of them well
# below training on the clean set alone, which is balanced. With two images of a class there is little that weights
# can turn up. Balanced books are not knowledge.
#
# ## Exercise: the most pushed class
#
# For GDW's first seed at **epoch 3**: which class has the highest push over pull before weighting, how high is it,
# and what is it after weighting? `history["pull_push"]` is [epochs, before/after, pull/push, classes].

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
# - The paper's Figure 1 is real on digits, around epochs 3 to 12; then $V$ learns "high loss, weight 0" and the
#   whole image goes.
# - With $V$ held at 1 it stays to the end, at the same accuracy. Weighted by $|p - y|$ or by gradient mass the
#   story holds, less neatly.
# - No weight is kept from batch to batch: one image's weights jump, and only their mean tells a story.
# - On the long tail GDW turns down columns ("not 9"), tied GDW rows. Both halve the rare class's push over pull;
#   neither gains accuracy by it.
#
# **Next:** [06 · When does it help, and when not?](06_when_does_it_help.ipynb) All methods, compared.
