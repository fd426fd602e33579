# %% [markdown]
# # 00 · Can 50 clean labels rescue 1,000 bad ones, and by which route?
#
# You have 1,200 pictures of digits. More than half of their labels are wrong, and nobody knows which. You also have
# 50 pictures, five of each digit, whose labels you trust. What are these 50 good for: to train on, or to judge the
# others by?
#
# **You will**
# - check that everything here works;
# - train two methods side by side, live, on data that you have broken yourself;
# - see where the method of this course wins, where it loses, and against whom;
# - compare two methods fairly: paired, seed by seed.
#
# **Time** about 15 minutes (all cells together run in half a minute). **You need** to have trained a network once.

# %%
import gdw
from gdw_notebooks.checks.prediction import Prediction
from gdw_notebooks.checks.start_here import PairedDifference
from gdw_notebooks.course.room_check import RoomCheck
from gdw_notebooks.panels.training_lab import TrainingLab

RoomCheck()

# %% [markdown]
# Ticks everywhere, and one more when you press the button: then this page and its kernel talk to each other.
#
# ## The lab
#
# *Uniform noise* at rate 0.6 draws a new label for six pictures in ten, from all ten digits. One new label in ten is
# right by luck, so that 54 % of all labels end up wrong. Two methods get the same pictures, the same wrong labels and
# the same start:
#
# - **MWNet** gives each *picture* a weight: how much its label may say.
# - **GDW** gives each *message* of a label a weight. A wrong "7" also says "not 3", and that may well be true.
#
# Both learn their weights from the 50 clean pictures, and never train on them directly.
#
# **Predict first.** Test accuracy after 60 epochs, for GDW and for MWNet: put numbers in the place of `None`.

# %%
guess = Prediction({"GDW": None, "MWNet": None})  # in %, such as 85
guess

# %%
lab = TrainingLab("uniform 60", beside="mwnet").run()
lab

# %%
ours, theirs = (history.accuracy for history in lab.histories)
assert ours > theirs  # on this seed; over eight seeds: the sentence under the scenario's name
look = "At which epoch do the two curves part, and which of them falls again?"
guess.reveal({"GDW": ours, "MWNet": theirs}, close=3, unit="%", look=look)

# %% [markdown]
# **What you see.** Both climb at first: a network learns what is common before it learns single wrong labels by
# heart. Then the paths part. One seed proves little, and the lab says so: the sentence under its buttons comes from
# eight seeds, and names those who do better too.
#
# ## Now break the data yourself
#
# The lab is live. Change something and press **Train**; the run before stays as a faint curve.
#
# 1. **Uniform 80** (the first menu). Who still stands?
# 2. **Beside it: tied GDW.** That is GDW with one weight per picture. If what matters is a weight for each
#    *message*, it must fall behind. Does it?
# 3. **Flip 40** with **L2RW** beside GDW. Each digit has one false twin here.
# 4. **Long tail 0.02 (50 : 1)** with **fine-tune** beside it. No label is wrong, but some classes are rare.
#    Look at *Classes*.
# 5. **Only the clean set** beside it, anywhere: what the 50 pictures are worth without the 1,200.
# 6. *Data:* **clouds**, then *Regions*: fill is the observed label, ring the true one, size the weight.
# 7. **Seeds, in all: 10.** Ten seeds train at once, and each curve becomes a mean with a band. Which of your
#    findings survive that?
#
# **Stop** keeps what has been learnt, **Step** takes one batch, and the slider under the picture looks back. The
# **run code** stands for all of it: paste it into a message, and whoever puts it into their lab has your run.

# %% [markdown]
# ## The 50 clean pictures, put to use in three ways
#
# Before you praise a method for its weights, ask what the plain routes give: train on the 50 alone, or on everything
# first and on the 50 afterwards (*fine-tune*). Here they are, on the data of the lab above.

# %%
base = gdw.Experiment(noise="uniform", rate=0.6)
routes = {name: gdw.run(base.with_(method=name)).accuracy for name in ("only-clean", "cross-entropy", "fine-tune")}
for name, accuracy in routes.items():
    print(f"{name:14} ≈ {accuracy:.1f} %")
assert routes["fine-tune"] > max(routes["only-clean"], routes["cross-entropy"]) + 5  # points

# %% [markdown]
# **What you see.** To train on 1,200 pictures with mostly wrong labels is worth hardly more or less than to train on 50
# with right ones; and fine-tuning, as simple as it is, comes within a few points of GDW. Weights have to earn their
# place against *that*, and not against plain cross-entropy alone.
#
# ## Exercise: paired by seed
#
# Is a weight for each message better than one for each picture? The control is tied GDW: the same method, with one
# weight per picture. Some seeds are simply harder than others, so compare **within** each seed. Here are five run
# codes of GDW (30 epochs, to keep it short). Find the five differences in test accuracy, GDW minus tied GDW, and
# their mean. `gdw.Experiment.from_code(code)` gives the run of a code.

# %%
codes = [
    "gdw1:dataset=digits&rate=0.6&method=gdw&epochs=30~1548",
    "gdw1:dataset=digits&rate=0.6&method=gdw&seed=1&epochs=30~0055",
    "gdw1:dataset=digits&rate=0.6&method=gdw&seed=2&epochs=30~3fa2",
    "gdw1:dataset=digits&rate=0.6&method=gdw&seed=3&epochs=30~c9fe",
    "gdw1:dataset=digits&rate=0.6&method=gdw&seed=4&epochs=30~843d",
]
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
# **How to read it.** Look at the signs of the five. Where they disagree, five seeds cannot tell the two methods
# apart, whatever the mean says. On small data like these digits that is what happens: most of GDW's gain comes from its
# second stage, and not from weighting each message apart. Notebooks 04 and 05 take up where class-level weights do
# something that no instance weight can.
#
# ## Recap
#
# - 50 clean pictures can rescue 1,200 others, most of them mislabelled: by *judging* them, message by message or
#   picture by picture.
# - Train on the 50 alone, or fine-tune on them, before you believe in anything cleverer.
# - One seed proves little. Compare paired, over many, and name the losses too.
#
# **Next:** [01 · What does one wrong label tell the network?](01_gradient_flows.ipynb)
