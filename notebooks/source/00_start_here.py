# %% [markdown]
# # 00 · What can 50 clean labels do for 1,200 pictures with wrong labels?
#
# You have about 1,200 pictures of digits. About half of their labels are wrong, and nobody knows which ones. You also
# have 50 pictures, five of each digit, with labels that you trust. How should you use these 50: as training data, or
# to judge the other pictures?
#
# **You will**
# - check that everything works on your computer;
# - train two methods side by side, live, on data with wrong labels;
# - see where the method of this course wins, where it loses, and against which other method;
# - compare two methods fairly: in pairs, seed by seed.
#
# **Time** about 20 minutes (all cells together run in half a minute). **You need** to have trained a network once.
#
# **How to use a notebook.** Click a cell and press **Shift+Enter**: the cell runs, and the next one is selected. Run
# the cells from top to bottom. Words that are new to you are in the [glossary](../docs/glossary.md).

# ## Play first
#
# Three spiral arms of points, one class each. A third of the labels name the next class. The stars are 15 points with
# labels that you trust. Press **Train**. Which of the three networks learns the wrong labels by heart? Point at a
# point with a ring: its label sends one *flow* to each class, and each learner decides how much of it counts. Then make
# it harder: draw, change labels, try a mission. Everything happens in this page; no cell has to run.

# %%
from gdw_notebooks.playground.widget import Playground

Playground()

# %% [markdown]
# What you have seen: a few trusted points can tell which of the other labels help. The rest of this notebook does the
# same with pictures.

# %%
import json

import gdw
from gdw.comparison.report import holm, paired_difference
from gdw_notebooks.checks.prediction import Prediction
from gdw_notebooks.checks.start_here import PairedDifference
from gdw_notebooks.course.room_check import RoomCheck
from gdw_notebooks.panels.training_lab import TrainingLab
from gdw_notebooks.recorded.scenarios import COMPARED, OUTCOMES

RoomCheck()

# %% [markdown]
# You should see a tick on every line. Press the button: one more tick shows that this page and Python can talk to each
# other.
#
# ## The lab
#
# *Uniform noise* at rate 0.6 chooses six pictures in ten and draws a new label for each, from all ten digits. One new
# label in ten is right by chance. So about 54 % of all labels are wrong. Two methods get the same pictures, the same
# wrong labels and the same start:
#
# - **MWNet** gives each *picture* one weight: how much its label counts.
# - **GDW** gives each *message* of a label its own weight. A wrong "7" also says "not 3", and that may be true.
#
# Both learn their weights from the 50 clean pictures. Neither trains directly on them.
#
# **Predict first.** What is the test accuracy after 60 epochs, for GDW and for MWNet? Replace each `None` by a number.

# %%
guess = Prediction({"GDW": None, "MWNet": None})  # in %, such as 85
guess

# %% tags=["reveals"]
lab = TrainingLab("uniform 60", beside="mwnet").run()
lab

# %% tags=["reveals"]
first = lab.histories[0]
print(f"{100 * first.wrong_label_rate:.1f} % of the {sum(first.class_counts)} training labels are wrong")
ours, theirs = (history.accuracy for history in lab.histories)
assert ours > theirs  # on this seed; the lab's sentence has eight seeds
look = "At which epoch do the two curves separate? Does one of them fall again?"
guess.reveal({"GDW": ours, "MWNet": theirs}, close=3, unit="%", look=look)

# %% [markdown]
# **What you see.** 54 % is the expected share of wrong labels; this draw has a little less. On this seed GDW ends above
# MWNet. One seed proves little. The sentence under the lab's buttons has the result of eight seeds, for seven other
# methods: which ones GDW is ahead of, which ones it is behind, and where eight seeds decide nothing. Here it is behind
# none of them. Change the scenario, and this changes.
#
# ## Now change the data yourself
#
# The lab is live. Change something and press **Train**. The run before stays as a pale curve.
#
# 1. **Uniform 80** (the first menu). Which method still works?
# 2. **Beside it: tied GDW.** This is GDW with only one weight per picture. If a weight for each *message* is what
#    matters, tied GDW must be worse. Is it?
# 3. **Flip 40** with **L2RW** beside GDW. Here each digit is confused with one other digit.
# 4. **Long tail 0.02 (50 : 1)** with **fine-tune** beside GDW. No label is wrong, but some classes are rare.
#    Look at *Classes*.
# 5. **Only the clean set** beside GDW, in any scenario: what the 50 pictures can do alone.
# 6. **More** shows the other controls. Choose *Data:* **clouds** and *Label noise:* **uniform** at rate 0.4. Press
#    **Train**, then look at *Regions*. The fill of a point is its observed label, the ring is its true label, and the
#    size is its weight.
# 7. **Seeds, in all: 10**, also under *More*. Ten seeds train at once. Each curve becomes a mean with a band. Which of
#    your findings are still true?
#
# **Stop** keeps what the network has learnt. **Step** trains on one batch. The slider under the picture shows earlier
# epochs. The **run code** describes the whole run: send it to somebody, and the lab makes the same run there.

# %% [markdown]
# ## Three simple ways to use the data
#
# Before you trust a method with weights, ask what simple methods reach. You can train on the 50 clean pictures alone,
# on the 1,200 pictures alone (*cross-entropy*), or on the 1,200 first and then on the 50 (*fine-tune*).
#
# **Predict first.** Which of the three is best, and which is worst?

# %%
ways = ("only-clean", "cross-entropy", "fine-tune")
guess = Prediction({"best": None, "worst": None}, choices=ways)
guess

# %% tags=["reveals"]
base = gdw.Experiment(noise="uniform", rate=0.6)
eight = json.loads(OUTCOMES.read_text("utf-8"))["uniform 60"]["methods"]  # recorded: eight seeds
one = {name: gdw.run(base.with_(method=name)).accuracy for name in ways}
for name in ways:
    print(f"{name:14} seed 0: ≈ {one[name]:.1f} %")
for name in (*ways, "gdw"):
    print(f"{name:14} eight seeds: ≈ {eight[name]['mean']:.1f} ± {eight[name]['sd']:.1f} %")
mean = {name: eight[name]["mean"] for name in (*ways, "gdw")}

# %% tags=["reveals"]
against = holm({name: paired_difference(eight["gdw"]["accuracy"], eight[name]["accuracy"]) for name in COMPARED})
ahead = [name for name, found in against.items() if found.mean > 0 and not found.undecided]
open_ = [name for name, found in against.items() if found.undecided]
print(f"eight seeds, the seven differences corrected for their number (Holm): GDW is ahead of {', '.join(ahead)}")
print(f"not decided: {', '.join(open_)}")
assert "gdw-tied" in open_
assert len(ahead) + len(open_) == len(COMPARED)  # it is behind none

# %% tags=["reveals"]
assert mean["cross-entropy"] + 5 < mean["only-clean"] < mean["fine-tune"] - 5  # points
assert 0 < mean["gdw"] - mean["fine-tune"] < 3
assert abs(one["only-clean"] - one["cross-entropy"]) < 4 < mean["only-clean"] - mean["cross-entropy"]
came = {"best": max(ways, key=mean.get), "worst": min(ways, key=mean.get)}
guess.reveal(came, look="over eight seeds: how far apart are fine-tune and GDW?")

# %% [markdown]
# **What you see.** Over eight seeds, 1,200 pictures with mostly wrong labels are worth *less* than the 50 clean ones:
# cross-entropy is more than five points below training on the clean set alone. (On seed 0 the difference is
# smaller. One seed can mislead.) Fine-tuning is simple, and it comes within three points of GDW. A method with weights
# must be better than *fine-tuning*, not only better than cross-entropy.
#
# ## Exercise: paired by seed
#
# Is a weight for each message better than a weight for each picture? The control is tied GDW: the same method, with
# one weight per picture. Some seeds are harder than others, so compare **within** each seed. Here are five run codes of
# GDW (20 epochs, to keep it short). Find the five differences in test accuracy, GDW minus tied GDW, and their mean.
# `gdw.Experiment.from_code(code)` gives the run of a code.

# %%
codes = [gdw.Experiment(rate=0.6, method="gdw", epochs=20, seed=seed).code for seed in range(5)]
paired = PairedDifference(codes)

# %%
# BEGIN SOLUTION
differences = []
for run in map(gdw.Experiment.from_code, codes):
    differences.append(gdw.run(run).accuracy - gdw.run(run.with_(method="gdw-tied")).accuracy)
mean = sum(differences) / len(differences)
# STUB: differences, mean = None, None
# END SOLUTION
paired(differences, mean)

# %% [markdown]
# **How to read it.** Look at the signs of the five differences. If two of them are unlike the other three, five seeds
# decide nothing, whatever the mean is: the largest $t$ that such signs allow is $\sqrt 6 \approx 2.45$, and Student's
# $t$ asks for 2.78. Notebook 06 makes this comparison with ten seeds and ten scenarios, and notebooks 04 and 05 look at
# what a weight for each message does.
#
# ## Recap
#
# - 50 clean pictures can help with 1,200 others by *judging* them: message by message (GDW) or picture by picture
#   (MWNet).
# - First try the simple ways: train on the 50 alone, or fine-tune on them.
# - One seed proves little. Compare in pairs, over many seeds, and report losses too.
#
# ## Quiz
#
# 1. Uniform noise at rate 0.6 with ten classes: why are 54 % of the labels wrong, and not 60 %?
#    <details><summary>Answer</summary>The new label is drawn from all ten digits, so one in ten is the right one:
#    0.6 · 0.9 = 0.54.</details>
# 2. A paper compares its method only with cross-entropy. Which comparison is missing?
#    <details><summary>Answer</summary>Simple ways to use the same clean data: only the clean set, and
#    fine-tuning.</details>
# 3. Method A is better than B by 0.5 points on average over five seeds, with signs + − + − +. What do you conclude?
#    <details><summary>Answer</summary>Nothing yet: two of five signs disagree. More seeds are needed.</details>
#
# **Take-away:** a small clean set is worth a lot; compare with the simple ways to use it, in pairs and over many seeds.
#
# **Next:** [01 · What does one wrong label tell the network?](01_gradient_flows.ipynb)
