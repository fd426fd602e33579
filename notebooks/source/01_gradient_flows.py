# %% [markdown]
# # 01 · What does one wrong label tell the network?
#
# A picture shows a cat. Its label says *dog*. The network learns from it all the same, and what it is told is worse
# than nothing in one place, and quite true in another. In this notebook you take that message apart.
#
# **You will**
# - work out, by the chain rule, the one number per class that a label sends back through the network;
# - see what is lost when a single weight turns the whole message up or down;
# - set one weight for each class by hand, keep what is true, and name the price.
#
# **Time** about 30 minutes (all cells together run in half a minute). **You need** softmax, the chain rule and a
# little PyTorch. Nothing from other notebooks.

# %%
import torch

import gdw
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
from gdw_notebooks.checks.prediction import Prediction
from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.microscope import FlowMicroscope

lift_the_cat, the_label_weight = LiftTheCat(), LabelWeight()  # the two exercises; they count your tries

# %% [markdown]
# ## One picture, three classes
#
# A network gives each class a score, its **logit** $z_c$. The softmax turns the logits into beliefs that sum to 1,
#
# $$p_c = \frac{e^{z_c}}{\sum_k e^{z_k}},$$
#
# and the **cross-entropy** is small when the observed label $t$ is believed: $L = -\log p_t$. Our network half knows
# what it sees: 0.6 cat, 0.3 dog, 0.1 bird. The label says dog.

# %%
names = ("cat", "dog", "bird")
cat, dog, bird = range(3)
logits = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).log()  # logits that give these beliefs
label = dog  # observed; the picture shows a cat

exponentials = logits.exp()
probs = exponentials / exponentials.sum()
loss = -probs[label].log()
print(f"beliefs {probs.numpy().round(3)}, loss {loss:.3f} nats")

# %% [markdown]
# **Predict first.** One step of gradient descent follows $-\partial L / \partial z$. Which of the three logits goes
# up, which go down, and which moves least? Put words in the place of `None`, as in `"up"`.

# %%
guess = Prediction({"cat": None, "dog": None, "bird": None}, choices=("up", "down", "least of all"))
guess

# %% [markdown]
# ## The chain rule, once, by hand
#
# The loss depends on the logits through $p_t$ alone, so there are two factors:
#
# $$\frac{\partial L}{\partial p_t} = -\frac{1}{p_t}, \qquad
#   \frac{\partial p_t}{\partial z_c} = p_t\,\bigl([c=t] - p_c\bigr).$$
#
# The second one is the quotient rule: $z_c$ always stands in the denominator, and for $c=t$ in the numerator too. In
# their product $p_t$ cancels:
#
# $$\frac{\partial L}{\partial z_c} = p_c - [c=t].$$
#
# One number per class. We call it the **flow** of that class: it is what goes back through this logit into the
# network.

# %%
is_label = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
dloss_dp = -1 / probs[label]
dp_dlogits = probs[label] * (is_label - probs)
flows = dloss_dp * dp_dlogits

for name, flow in zip(names, flows.tolist(), strict=True):
    print(f"{name:5s} flow {flow:+.1f}, so descent pushes its logit by {-flow:+.1f}")

# %%
went = dict(zip(names, ["up" if flow < 0 else "down" for flow in flows], strict=True))
went[names[flows.abs().argmin()]] = "least of all"  # and which way? the line above says it
guess.reveal(went, look="which of the three messages is true of a picture of a cat?")

# %% [markdown]
# **What you see.** Three messages: *“dog!”* (+0.7), *“not cat”* (−0.6) and *“not bird”* (−0.1). For a picture of a
# cat the first two are wrong. The third is **true**: this really is no bird. It moves least because the network
# believes in it least.
#
# Two things to keep. The flows sum to 0: what one logit gains, the others lose. And a wrong label is not wrong
# through and through.
#
# From here on the package does the sum. It is the same one, and it is what PyTorch finds by itself:

# %%
leaf = logits.clone().requires_grad_()
torch.nn.functional.cross_entropy(leaf[None], torch.tensor([label])).backward()
from_package = gdw.class_gradients(probs[None], torch.tensor([label]))[0]

assert torch.allclose(flows, from_package, atol=1e-15)  # by hand and in gdw
assert torch.allclose(flows, leaf.grad, atol=1e-15)  # by hand and by torch's autograd
print(f"by hand = gdw.class_gradients = autograd; the flows sum to {flows.sum().abs():.3f}")

# %% [markdown]
# ## One weight for the whole instance
#
# The usual remedy for a doubtful label is to turn its instance down: multiply its loss by a weight $w \geq 0$. All
# of its flows shrink together.
#
# **Predict first.** The picture is a cat; its label says *dog*. With one weight for the whole instance, can “cat”
# ever rise above “bird”? Then drag the slider below and watch the third number.

# %%
guess = Prediction({"cat above bird": None}, choices=("never", "at some weight", "always"))
guess

# %%
FlowMicroscope([cat_dog_bird(cat_picture())])

# %% [markdown]
# *The microscope shows the push on each logit, minus the weighted flow. Below it always the same three numbers: the
# sum of the pushes, true − observed (cat − dog), and true − strongest other (cat − bird). It works with the keyboard
# too: Tab to the slider, then the arrows.*

# %%
for weight in (1.0, 0.3, 0.0):
    pushes = -weight * flows
    cat_dog, cat_bird = pushes[cat] - pushes[dog], pushes[cat] - pushes[bird]
    print(f"w = {weight:.1f}:  cat − dog {cat_dog + 0.0:+.2f}   cat − bird {cat_bird + 0.0:+.2f}")
    assert cat_bird <= 0
guess.reveal({"cat above bird": "never"}, look="what would have to happen to “not cat” alone?")

# %% [markdown]
# **What you see.** cat − bird stays at $-0.5\,w$: never above 0, whatever the weight. At $w=0.3$ the wrong pull
# toward “dog” has shrunk to a third, and so has the one true thing that this label still says: *not a bird*. At
# $w=0$ all is quiet, and all is lost. The best that one weight can do with this picture is to throw it away.

# %% [markdown]
# ## A weight for each flow
#
# So give each flow a weight of its own, $w_c$. The wrong “not cat” can then go, while the true “not bird” stays. One
# rule remains: the weighted flows shall still sum to 0, as the flows themselves do,
#
# $$\sum_c w_c\,(p_c - [c=t]) = 0.$$
#
# That leaves the label no choice: its weight *follows* from all others. The dog's bar below is therefore locked.
# Take hold of the end of the **cat's** bar and bring it to 0; leave the bird's alone.

# %%
FlowMicroscope([cat_dog_bird(cat_picture())], mode="classes")

# %% [markdown]
# **Predict first.** What will the dog's push be when the cat's is 0 and the bird's is still −0.1? (You need no
# formula: the sum is 0.)
#
# ### Exercise 1: lift the cat
#
# Find weights $\geq 0$ for cat, dog and bird with cat − bird **above 0** and all pushes summing to 0. Take them from
# the microscope, or work them out.

# %%
# BEGIN SOLUTION
my_weights = [0.0, 0.1 / 0.7, 1.0]
# STUB: my_weights = [..., ..., ...]  # cat, dog, bird
# END SOLUTION
lift_the_cat(my_weights)

# %% [markdown]
# ### Exercise 2: the label's weight
#
# Solve the rule above for the label's own weight $w_t$, and write it as a function. `weights` and `probs` hold one
# number per class, `label` is the index $t$; the value that `weights[label]` has beforehand must not matter.


# %%
def label_weight(weights, probs, label):
    # BEGIN SOLUTION
    others = weights * probs
    return (others.sum() - others[label]) / (1 - probs[label])
    # STUB: return ...
    # END SOLUTION


the_label_weight(label_weight)

# %% [markdown]
# The package has the same function under the name `gdw.zero_mean`. It avoids the division by $1 - p_t$, which loses
# all its digits once the network is sure of the label; the value is the same. Here are the microscope's numbers once
# more, from that function:

# %%
wanted = torch.tensor([[0.0, 1.0, 1.0]], dtype=torch.float64)  # the label's own entry is ignored
weights = gdw.zero_mean(wanted, logits[None], torch.tensor([label]))[0]
pushes = -weights * flows

assert abs(pushes.sum()) < 1e-15  # the rule holds
print("weights", weights.numpy().round(3), " pushes", pushes.numpy().round(3) + 0.0)
print(f"cat − dog {pushes[cat] - pushes[dog]:+.3f}   cat − bird {pushes[cat] - pushes[bird]:+.3f}")

# %% [markdown]
# **What you see.** cat − bird is +0.1. With one weight the best was 0.
#
# ## The price
#
# Look at “dog”. It still gets +0.1: to push the bird down, something must go up, and the rule allows only the label.
# So keeping “not bird” feeds the *wrong* label. Could cleverer weights do without? Try ten thousand.

# %%
random = torch.Generator().manual_seed(0)
many = 2 * torch.rand(10_000, 3, generator=random, dtype=torch.float64)
many = gdw.zero_mean(many, logits.expand(10_000, 3), torch.full((10_000,), label))
pushes = -many * flows

assert (pushes[:, cat] <= pushes[:, dog]).all()
print("weights that lift cat over dog: ", int((pushes[:, cat] > pushes[:, dog]).sum()), "of 10,000")
print("weights that lift cat over bird:", int((pushes[:, cat] > pushes[:, bird]).sum()), "of 10,000")

# %% [markdown]
# It must be so. With weights $\geq 0$ the true class is pushed by $-w_\text{cat}\,p_\text{cat} \leq 0$ and the label
# by $w_\text{dog}\,(1 - p_\text{dog}) \geq 0$. Weights never **correct** a label, not even one per class: they stop
# its harm, and they can keep what it says about the *other* classes. Nothing more is claimed in this course, and
# later notebooks measure whether it pays.
#
# *A misconception to avoid: “cat is lifted” does not mean that the network is told “cat”. Its logit stands still,
# and that of bird sinks.*
#
# And without the rule? Choose **constraint off** in the microscope and drag any bar: the sum leaves 0.

# %%
FlowMicroscope([cat_dog_bird(cat_picture())], mode="free", weights=[0.0, 1.0, 1.0])

# %% [markdown]
# **What you see.** “dog” is back at its full +0.7, and the pushes sum to +0.6. The softmax does not notice a shift
# that all logits share; the layers beneath the logits do. What comes of it in training, a later notebook measures.
#
# ## The same on real digits
#
# Handwritten digits, and for six images in ten the label is drawn anew from all ten classes (one draw in ten hits
# the true one, so not all of these are wrong). We train a small network on them for eight passes, without any
# weights, and stop before it has learnt the wrong labels by heart.

# %%
experiment = gdw.Experiment(dataset="digits", noise="uniform", rate=0.6, method="cross-entropy", epochs=8)
training = gdw.Training(experiment)
for _ in training.events():
    pass
print(f"{100 * training.task.wrong_label_rate:.1f} % of {len(training.task.train)} training labels are wrong")
print(f"test accuracy ≈ {training.history['test_accuracy'][-1]:.0f} %")

# %% [markdown]
# Step through its training images with **Previous** and **Next**: mislabelled ones first, then clean ones. In the
# second mode, bring the true class's bar to 0 and see which digits the label still rules out.

# %%
FlowMicroscope.from_training(training)

# %% [markdown]
# **Predict first.** Take all flows of mislabelled images, by size. Half of it is the pull toward the wrong label: it
# must be, since each instance sums to 0. How does the other half divide between *“not the true class”* (wrong) and
# *“not one of the others”* (true)?

# %%
guess = Prediction({"not the true class": None, "not one of the others": None})  # two numbers that make 50 %
guess

# %%
mass = training.history["flow_mass"][:, 1]  # by epoch, mislabelled: observed label, true class, other classes
shares = 100 * mass / mass.sum(-1, keepdims=True)
pull, not_true, not_others = shares[-1]
print(f"the pull toward the wrong label is ≈ {pull:.0f} %")
print(f"“not one of the others” was ≈ {shares[0, 2]:.0f} % in the first epoch, and is ≈ {not_others:.0f} % in the last")
assert abs(pull - 50) < 0.1
assert shares[0, 2] > not_others > 20
came = {"not the true class": not_true, "not one of the others": not_others}
guess.reveal(came, close=5, unit="%", look="how much of what a mislabelled image sends back is true?")

# %% [markdown]
# **What you see.** About a third of what mislabelled images send back is true. An instance weight that silences the
# rest silences this third as well. It was more in the first epoch: the surer the network is of the true class, the
# less is left to save.
#
# One more count, over the mislabelled images alone. Wherever the network prefers the true class to all others but
# the label, *every* instance weight pushes it below its rival, as with cat and bird:

# %%
task = training.task
with torch.no_grad():
    beliefs = training.model(task.pixels.normalise(task.train.images)).softmax(-1)
wrong = (task.clean_labels != task.train.labels).nonzero()[:, 0]
rows = beliefs[wrong].scatter(1, task.train.labels[wrong, None], 0)  # the label's own belief set aside
harmed = (rows.argmax(1) == task.clean_labels[wrong]).double().mean()
print(f"true − strongest other is below 0 at every weight: ≈ {100 * harmed:.0f} % of mislabelled images")
assert harmed > 0.6

# %% [markdown]
# ## Recap
#
# - A label sends one number per class back through the logits, the **flow** $p_c - [c=t]$; the flows of an instance
#   sum to 0.
# - A wrong label says two wrong things (*“this!”*, *“not the true class”*) and several true ones (*“not those”*).
# - One weight per instance scales all of them alike: for our cat, cat − bird is $-0.5\,w$, never above 0.
# - One weight per class can keep the true part: +0.1. The label's own weight follows from the others.
# - The price: the wrong label is still fed by 0.1, and weights $\geq 0$ never lift the true class over it. They stop
#   the harm.
#
# We set these weights by hand because we knew the truth. A method does not.
#
# **Next:** [03 · How can 50 clean images weight thousands?](03_learning_from_a_clean_set.ipynb): fifty
# clean images find the weights of a thousand others.
