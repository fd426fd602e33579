# %% [markdown]
# # 09 · Your own data: which labels are wrong?
#
# You have a folder of pictures, some of them in the wrong class, and no list of the mistakes. In this notebook you go
# from the folder to a table of corrected labels. Most of the time goes into looking at pictures.
#
# **You will**
# - confirm ten pictures of each class by keyboard;
# - rank all labels by how suspicious they are, and look at the suspects in order;
# - draw a random sample, and learn from it how many labels are wrong and how far down the list to go;
# - see which pictures give a test score, and which are trained on;
# - compare the ranking with cleanlab's, with the plain loss and with GDW's weights.
#
# **Time** about 30 minutes (an estimate). Further reading. **You need** notebook 03. New words are in the
# [glossary](../docs/glossary.md).

# %%
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score

# %%
import gdw
from gdw.data.confirmed import confirmed_of
from gdw.networks.weight_net import new_weight_net
from gdw_notebooks.checks.own_data import PrecisionThreshold
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.examples.own_data import suspicion
from gdw_notebooks.figures.picture_sheet import picture_of, picture_sheet
from gdw_notebooks.figures.ranking import found_curves
from gdw_notebooks.panels.review import Review
from gdw_notebooks.panels.spot import SpotTheWrongLabel
from gdw_notebooks.panels.still import Still

# %% [markdown]
# ## The folder
#
# One folder of pictures for each class is enough. Let `own` name yours. Without one, we write 600 small pictures of
# digits, a fifth of them in the wrong folder. The list `truth` says what each picture really shows. **You will not have
# such a list**: here it plays the person who presses the keys, and at the end it tells us how good the result is.

# %%
own = None  # such as "~/pictures", with cats/..., dogs/..., at least 30 pictures of each
work = Path(tempfile.mkdtemp())  # with a folder of your own, better one that stays: the decisions are kept there
truth = {} if own else write_digits(work / "digits")
folder = Path(own).expanduser() if own else work / "digits"
size = {"seen_at": 224} if own else {}  # photos are read at the size in which the network sees them
dataset = gdw.load_dataset(str(folder), **size)
print(f"{len(dataset.paths)} pictures in {len(dataset.class_names)} folders")

# %%
some = range(0, len(dataset.paths), max(1, len(dataset.paths) // 16))[:16]
pictures = [picture_of(dataset, index) for index in some]
captions = [f"label {dataset.class_names[dataset.labels[index]]}" for index in some]
title = "16 pictures with their labels: some labels are wrong"
Still(picture_sheet(pictures, captions, title=title), alt=title)

# %% [markdown]
# ## Confirm ten pictures of each class
#
# Click on the page and use the keys. **Space**: the label is right. **A class's key** (here the digit itself; with
# other names 1 to 9 and 0, or type the name and press Enter): this is the right class. **-**: it belongs to none of
# these. **?**: unsure, leave it out. **Backspace**: undo.
#
# Each decision is written to `confirmed.csv` at once, as a row `path,label,chosen`. The last word says how the picture
# was chosen: here `random in class`, because the page draws at random from each folder. (If you pass over a picture,
# those after it count as selected until you come back to it.) If the kernel stops, run the cell again and go on where
# you were. The pictures and their folders are never changed.

# %%
review = Review(dataset, work / "confirmed.csv", per_class=10)
review

# %% [markdown]
# For the digits, the next cell plays a second person: it answers the same questions from the list `truth`, in a file of
# its own. Your page stays as you left it, and the rest of the notebook goes on with that person's answers. (With a
# folder of your own it goes on with yours.)

# %%
answers = Review(dataset, work / "answers.csv", per_class=10) if truth else review
while truth and answers.path:
    answers.decide(truth[answers.path])
clean = answers.meta_set()  # places and labels of the confirmed pictures
first_confirmed = dict(answers.confirmed)
corrected = sum(label != path.split("/")[-2] for path, label in first_confirmed.items())
print(f"{len(first_confirmed)} confirmed, {corrected} of them had a wrong label")

# %% [markdown]
# You have already learnt something. These pictures were drawn at random within each folder, so they say between which
# limits the share of wrong labels among *all* pictures lies. (Leave out as few as you can: a sample without the hard
# pictures is less random.) The audit works the limits out.
#
# ## The audit
#
# An [audit](../docs/glossary.md#audit) asks of each picture: how probable is its label, according to a classifier that
# was **not** trained on this picture? The prediction is [out-of-fold](../docs/glossary.md#out-of-fold). Without this a
# classifier could learn the wrong label by heart and believe it (notebook 02). The confirmed pictures are used too.
# (`features=None` takes the pixels, which is fine for digits. For photographs leave it out: then a pretrained network
# sees them first.)
#
# Take the 20 most suspicious pictures that you have not confirmed yet. How many of them really have a wrong label?

# %%
options = {} if own else {"features": None}
audit = gdw.audit(dataset, confirmed=answers.confirmed_path, **options)
print(audit.sentences()[0])  # audit.wrong_share in words
open_cases = audit.table[~audit.table["path"].isin(list(first_confirmed))]  # the confirmed ones need no second look
shown = open_cases[["observed", "proposed", "reason"]].head(5)
print(shown.to_string(index=False).replace("(", "(≈ "))

# %%
pairs = zip(open_cases.path, open_cases.observed, strict=True)
wrong = np.array([truth.get(path, label) != label for path, label in pairs])
if truth:
    first = int(wrong[:20].sum())
    assert first >= 18
    print(f"really wrong: ≈ {first} of the first 20, {wrong.sum()} of all {len(wrong)} that are not confirmed")

# %% [markdown]
# ## Look at the suspects
#
# The same page, now with the suspects in order, and with what the classifier proposes. **Enter** takes the proposal;
# the other keys are as before. The decisions go into the same file, with `suspect` in the column `chosen`. (Without a
# kernel you see the first sixteen.)

# %%
suspects = Review(dataset, review.confirmed_path, suspects=open_cases)
suspects

# %% [markdown]
# *"says 3, proposed 8": the folder says 3, the classifier 8. You decide.*
#
# <!-- here -->
#
# **A game, if you like:** are you faster or better than the audit? You have a minute. Half of the labels in it are
# wrong. **Left arrow**: wrong. **Right arrow**: right.
# <!-- on the site
# <a href="../live/spot.html">A game: a minute against the audit</a> -->

# %%
SpotTheWrongLabel(audit, truth) if truth else None

# %% [markdown]
# ## How far down the list?
#
# Two numbers say how good the first $k$ suspects are. The **precision** is the share of them that are really wrong. The
# **recall** is the share of all wrong labels that are among them
# ([more](../docs/glossary.md#precision-and-recall)).
#
# **Predict first.** About 100 wrong labels are left. You look at the first 200 suspects. What can the precision be at
# best?
#
# - [ ] 100 % :: Then 200 labels would have to be wrong.
# - [x] 50 % :: 100 of 200. No ranking can do better, and a good one finds nearly all of them.
# - [ ] 20 %, the share of wrong labels in the folder :: That is the precision of a random order.

# %% tags=["reveals"]
came = {}
for k in (50, 200) if truth else ():
    came |= {f"precision at {k}": 100 * wrong[:k].mean(), f"recall at {k}": 100 * wrong[:k].sum() / wrong.sum()}
if truth:
    assert came["precision at 50"] > 90 > 60 > came["precision at 200"]
    assert came["recall at 200"] > 95
    print(", ".join(f"{name} ≈ {value:.0f} %" for name, value in came.items()))

# %% [markdown]
# **What you see.** At 50 nearly every suspect is wrong, but half of the wrong labels are still to come. At 200 nearly
# all are found, and about half of what you looked at was right. No ranking can have a precision above 50 % at 200 if
# only 100 labels are wrong. So how far you go depends on what a look costs you, and what a wrong label costs you.
#
# ## Exercise: a threshold with precision 0.8
#
# With your own data you have no `truth`. So draw 150 pictures at random from **all** pictures, check them, and measure
# on *them*. The table says that they are drawn (`chosen="random"`), and so `random` is written into the file.
# Those of the sample that you had confirmed before need no second look.

# %%
table = audit.table.sort_index()  # in the order of the folder: the same sample on every machine
drawn = table.sample(min(150, len(table)), random_state=0).assign(chosen="random")
checking = Review(dataset, answers.confirmed_path, suspects=drawn)
while truth and checking.path:  # with a folder of your own: show `checking` and use the keys
    checking.decide(truth[checking.path])
places = confirmed_of(answers.confirmed_path, dataset).drawn("random")
print(f"{len(places)} pictures drawn at random from all {len(table)} are checked")

# %% [markdown]
# The audit was sure of the pictures that were confirmed before it (their scores are 0 or 1). So the threshold is
# measured on the rest of the sample: its `scores` (1 is most suspicious), and whether the label is `mislabelled`. Find
# the **lowest threshold** at which at least 80 % of these pictures with `score >= threshold` are mislabelled.

# %%
sample = open_cases[open_cases.index.isin(places)]
scores = sample["score"].to_numpy()
mislabelled = (sample["observed"] != sample["path"].map(checking.confirmed)).to_numpy()
print(f"{len(sample)} of them were not confirmed before the audit, {mislabelled.sum()} of these are mislabelled")

# %%
precision_threshold = PrecisionThreshold(scores, mislabelled)
# BEGIN SOLUTION
precision = {score: mislabelled[scores >= score].mean() for score in sorted(scores)}
threshold = min(score for score, share in precision.items() if share >= 0.8)
# STUB: threshold = ...
# END SOLUTION
precision_threshold(threshold)

# %% [markdown]
# ## How many labels are wrong?
#
# The same sample answers this question for all pictures, with its confirmed ones. The audit takes the larger of the two
# random samples:

# %%
checked = gdw.audit(dataset, confirmed=answers.confirmed_path, **options)
print(checked.sentences()[0])
if truth:
    before = sum(path.split("/")[0] != true for path, true in truth.items())  # in the wrong folder
    few, many = audit.wrong_share, checked.wrong_share
    assert max(few.low, many.low) < before / len(truth) < min(few.high, many.high) < first / 20
    assert many.high - many.low < few.high - few.low
    print(f"really wrong: {100 * before / len(truth):.0f} %; of the first 20 suspects: ≈ {100 * first / 20:.0f} %")

# %% [markdown]
# **What you see.** A range, narrower than the first one, from more pictures. The first suspects would give a much too
# large share: they were chosen *because* their labels look wrong. And what is left after the suspects would give too
# small a share. So the sample comes from all pictures, and `confirmed.csv` remembers how each was chosen.
#
# ## The corrected labels
#
# All decisions so far are in one file, those of the random sample too. Now look at the suspects that are left,
# in order, until you have seen 100 more (here: the second person does), and write the table. `corrected.csv` has a
# row `path,label` for every picture: the confirmed label if there is one, otherwise the folder's.

# %%
rest = Review(dataset, answers.confirmed_path, suspects=open_cases)  # without those of the sample
for _ in range(100 if truth else 0):
    rest.decide(truth[rest.path])
changed = rest.save_corrected(work / "corrected.csv")
print((work / "corrected.csv").read_text(encoding="utf-8").splitlines()[:3])
print(f"{changed} of {len(dataset.paths)} labels are corrected; {len(rest.confirmed)} pictures were looked at:")
known = confirmed_of(answers.confirmed_path, dataset)
print(", ".join(f"{count} {way}" for way, count in Counter(known.chosen.values()).items()))

# %%
after = [dataset.class_names[label] for label in rest.corrected_labels()]
left = sum(truth.get(path, label) != label for path, label in zip(dataset.paths, after, strict=True))
before = sum(truth.get(path, path.split("/")[-2]) != path.split("/")[-2] for path in dataset.paths)
print(f"wrong labels: {before} before, {left} after")
if truth:
    assert before == 120
    assert left < 12
    last = int(np.flatnonzero(wrong).max()) + 1
    share = (len(first_confirmed) + last) / len(dataset.paths)
    print(f"the last wrong label is at place ≈ {last} of {len(open_cases)} in the audit's list")
    assert share < 0.5 < len(rest.confirmed) / len(dataset.paths) < 0.65

# %% [markdown]
# With the digits no wrong label is left, but more than half of the pictures were looked at. The list itself needed less
# than that: with the confirmed pictures and the suspects up to the last wrong one it is less than half. The random
# sample is the price of *knowing* how many labels are wrong and how good the list is. (A picture of the sample that was
# confirmed before counts as `random`.)
#
# ## Then train: which pictures give a score?
#
# To train on the corrected labels: `gdw.Experiment(dataset=FOLDER, noise="human:corrected.csv",
# confirmed="confirmed.csv")`. Some labels may still be wrong, so the clean set is made of confirmed pictures. A test
# score comes from pictures that were drawn at random, or from a folder `test`, never from suspects: those are the hard
# ones. All other confirmed pictures are trained on, with their right label.

# %%
table = f"human:{work / 'corrected.csv'}"
task = gdw.make_task(dataset, noise=table, confirmed=known, meta_per_class=10)
part = {name: set(places.tolist()) for name, places in task.dataset_indices.items()}
ways = {name: Counter(known.chosen.get(place, "not looked at") for place in part[name]) for name in part}
for name, what in {"meta": "clean set", "test": "test set", "train": "trained on"}.items():
    print(f"{what:10} {len(part[name]):3}: " + ", ".join(f"{ways[name][way]} {way}" for way in sorted(ways[name])))
assert part["test"] <= set(known.drawn())
assert not part["test"] & (part["meta"] | part["train"])
if truth:
    shown = zip(task.dataset_indices["train"].tolist(), task.train.labels.tolist(), strict=True)
    assert all(known.get(place, label) == label for place, label in shown)

# %% [markdown]
# No suspect is in the test set, and no test picture is trained on. The whole audit is on the command line too, with a
# page that you can send to somebody: `python -m gdw audit FOLDER --confirmed confirmed.csv --csv suspects.csv --html
# suspects.html`.
#
# ## Are GDW's weights a good ranking?
#
# GDW gives small weights to bad labels. Are its weights good enough to *find* them? Five rankings of the pictures that
# were not confirmed before the audit:
# - the **audit** of above;
# - **cleanlab**: the out-of-fold probability of the label, without the confirmed pictures;
# - the **plain loss**: train on everything with cross-entropy, and take each picture's mean loss over the epochs;
# - **GDW's weights**: each picture's mean weight over the epochs;
# - **MWNet's weights**, after few epochs.
#
# The measure is [average precision](../docs/glossary.md#average-precision): 1 is perfect, and a random order has about
# 0.2. Three seeds each.
#
# **Predict first.** GDW turns wrong labels down. Are its weights the best list of suspects?
#
# - [ ] yes, they are learnt from clean pictures :: They are made to help this step of training, not to sort labels.
# - [ ] about as good as the plain loss :: The plain loss is far better, and every training run gives it to you.
# - [x] no, they are a poor list :: A right label that the clean set has no more use for gets a small weight too.

# %% tags=["reveals"]
seeds = range(3)
places = np.sort(open_cases.index.to_numpy())
wrong_of_places = np.array([truth.get(dataset.paths[p]) != dataset.class_names[dataset.labels[p]] for p in places])
rankings = {name: [] for name in ("audit", "cleanlab", "plain loss", "GDW's weights", "MWNet's weights, early")}
for seed in seeds:
    for name, ranking in {"audit": "combined", "cleanlab": "self-confidence"}.items():
        ranked = gdw.audit(dataset, first_confirmed, ranking=ranking, seed=seed, **options)
        rankings[name].append(ranked.table["score"].loc[places].to_numpy())

# %% tags=["reveals"]
kinds = {"plain loss": ("cross-entropy", 40), "GDW's weights": ("gdw", 40), "MWNet's weights, early": ("mwnet", 10)}
for name, (method, epochs) in kinds.items():
    for seed in seeds:
        run = gdw.Experiment(dataset="digits", method=method, epochs=epochs, seed=seed)
        found = suspicion(dataset, *clean, run)
        rankings[name].append(found.loss if method == "cross-entropy" else -found.weight)

# %% tags=["reveals"]
precision = {name: [average_precision_score(wrong_of_places, row) for row in rows] for name, rows in rankings.items()}
for name, values in precision.items():
    print(f"{name:24} " + "  ".join(f"≈ {value:.2f}" for value in values))
mean = {name: np.mean(values) for name, values in precision.items()}
assert min(precision["audit"] + precision["cleanlab"]) > max(precision["plain loss"])
assert min(precision["plain loss"]) > 0.9 > 0.85 > max(precision["GDW's weights"])
assert max(precision["MWNet's weights, early"]) < wrong_of_places.mean()  # a random order has this

# %% tags=["reveals"]
gdw_mean = mean["GDW's weights"]
title = "The audit, cleanlab and the plain loss find almost all early (average precision ≈ "
title += f"{mean['plain loss']:.2f} and more); GDW's weights do not (≈ {gdw_mean:.2f}), and MWNet's are below random"
curves = {name: np.array(rows) for name, rows in rankings.items()}
alt = title + ". Share of wrong labels found, by pictures seen."
Still(found_curves(curves, wrong_of_places, title=title), alt=alt)

# %% [markdown]
# *Lines are means of three seeds; the bands go from the worst to the best seed.*
#
# **What you see, and it has to be said.** GDW's weights are a poor list of suspects. Its weights are made to help this
# step of training, not to sort labels: a right label that the clean set has no more use for gets a small weight too.
# The plain loss, which every training run gives you, is far better, and here the out-of-fold rankings are a little
# better still.
# On digits the audit's use of the confirmed pictures adds little to cleanlab.
#
# **Weights after few epochs can be upside down.** Here MWNet's early weights are worse than a random order, on all
# three seeds. One reason is that they come from a weight network that starts at random:

# %%
starts = [new_weight_net(torch.Generator().manual_seed(seed)) for seed in range(200)]
with torch.no_grad():
    rising = np.mean([(net(torch.tensor([0.0, 4.0])).diff(dim=0) > 0).item() for net in starts])
print(f"{100 * rising:.0f} % of 200 starts give a loss of 4 nats more weight than a loss of 0")
assert 0.3 < rising < 0.7

# %% [markdown]
# So about half of all starts give a *larger* weight to a larger loss, and the clean set needs many steps to turn this
# round. A likely second reason is in notebook 05: in the first epochs the clean set itself makes $V$ rise with the
# loss. A ranking by such weights puts the right labels first. `gdw.audit(..., ranking="weights")` warns of it.
#
# ## Recap
#
# - Confirm some pictures of each class, drawn at random: a clean set, and a range for the share of wrong labels.
# - An audit ranks labels by out-of-fold predictions. Look at the suspects in order, with the proposal beside them.
# - Check a *random* sample of all pictures. It gives the precision of a threshold, a narrower range and a test score.
# - Suspects give no score and no share: they are trained on. `confirmed.csv` remembers how each picture was chosen.
# - The result is a table. The pictures stay as they are, and every decision can be undone.
# - For finding wrong labels use out-of-fold predictions, not GDW's weights. For *training* with wrong labels, notebooks
#   04 to 06 compare the methods.
#
# ## Quiz
#
# 1. Why must the classifier not have been trained on the picture that it judges?
#    - [x] it may have learnt the wrong label by heart :: Then it finds this label probable.
#    - [ ] it would take too long :: It would even be quicker: one training in place of several.
# 2. Your first 50 suspects are all mislabelled. What does this say about the share of wrong labels in the folder?
#    - [ ] it is large :: The suspects were chosen because their labels look wrong.
#    - [x] nothing :: Check a random sample of all pictures.
# 3. Half of a class has the same wrong label, in the same way. Does an audit without confirmed pictures find it?
#    - [ ] yes, half a class is much :: For the classifier this label is as good as the right one.
#    - [x] not surely :: Confirmed pictures can show it.
#
# **Take-away:** let out-of-fold predictions choose which pictures you look at, and let a person decide.
#
# **Next:** a folder of your own. What to train on it with is the question of
# [06 · When does it help, and when not?](06_when_does_it_help.ipynb)
