# %% [markdown]
# # 01 · What does one wrong label tell the network?
#
# A picture shows a cat. Its label says *dog*. The network learns from this label anyway. Part of what the label says is
# wrong, and part of it is true. In this notebook you take it apart.
#
# **You will**
# - compute, with the chain rule, the one number per class that a label sends back through the network;
# - see what is lost when one weight scales all of it;
# - set one weight for each class by hand, keep what is true, and see what it costs.
#
# **Time** about 35 minutes (an estimate). **Core path**, 2 of 5. **You need** softmax, the chain rule and a little
# PyTorch. New words are in the [glossary](../docs/glossary.md).

# %%
import torch

import gdw
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.microscope import FlowMicroscope

lift_the_cat, the_label_weight = LiftTheCat(), LabelWeight()  # the two exercises

# %% [markdown]
# ## One picture, three classes
#
# A network gives each class $c$ a score, its **logit** $z_c$. The softmax turns the logits into probabilities that sum
# to 1,
#
# $$p_c = \frac{e^{z_c}}{\sum_k e^{z_k}},$$
#
# and the **cross-entropy** loss is small when the observed label $t$ has a high probability: $\ell = -\log p_t$. With
# the natural logarithm its unit is the [nat](../docs/glossary.md#nat). Our network half knows what it sees: 0.6 cat,
# 0.3 dog, 0.1 bird. The label says dog.

# %%
names = ("cat", "dog", "bird")
cat, dog, bird = range(3)
logits = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).log()  # logits that give these probabilities
label = dog  # observed; the picture shows a cat

exponentials = logits.exp()
probs = exponentials / exponentials.sum()
loss = -probs[label].log()
print(f"probabilities {probs.numpy().round(3)}, loss {loss:.3f} nats")

# %% [markdown]
# **Predict first.** One step of gradient descent follows $-\partial \ell / \partial z$: it makes the label's
# probability larger. Which logits go up?
#
# - [ ] cat and dog up, bird down :: The loss knows only the label. The cat competes with *dog* in the softmax.
# - [x] dog up, cat and bird down :: And the cat's goes down much more than the bird's: it has the larger probability.
# - [ ] only dog up, the others stay :: All probabilities share one denominator, so every logit has a derivative.
#
# ## The chain rule, once, by hand
#
# Write $[c=t]$ for 1 if $c$ is the observed label, and 0 otherwise. The loss depends on the logits only through $p_t$,
# so there are two factors:
#
# $$\frac{\partial \ell}{\partial p_t} = -\frac{1}{p_t}, \qquad
#   \frac{\partial p_t}{\partial z_c} = p_t\,\bigl([c=t] - p_c\bigr).$$
#
# The second one is the quotient rule: $z_c$ is always in the denominator, and for $c=t$ also in the numerator. In the
# product, $p_t$ cancels:
#
# $$\frac{\partial \ell}{\partial z_c} = p_c - [c=t].$$
#
# This is one number per class. We call it the [flow](../docs/glossary.md#flow) of that class: it is what goes back
# through this logit into the network. The **push** on a logit is minus the flow: the direction of descent.

# %% tags=["reveals"]
is_label = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
dloss_dp = -1 / probs[label]
dp_dlogits = probs[label] * (is_label - probs)
flows = dloss_dp * dp_dlogits

for name, flow in zip(names, flows.tolist(), strict=True):
    print(f"{name:5s} flow {flow:+.1f}, so descent pushes its logit by {-flow:+.1f}")

# %% [markdown]
# **What you see.** The label says three things: *“dog!”* (push +0.7), *“not cat”* (−0.6) and *“not bird”* (−0.1).
# The picture shows a cat, so the first two are wrong. The third is **true**: the picture shows no bird. Its push is the
# smallest, because the network gives bird the smallest probability.
#
# Two facts to remember. The flows sum to 0. And a wrong label is not wrong in every part.
#
# From here on the package computes the flows. The numbers are the same as by hand, and the same as from PyTorch:

# %%
leaf = logits.clone().requires_grad_()
torch.nn.functional.cross_entropy(leaf[None], torch.tensor([label])).backward()
from_package = gdw.class_gradients(probs[None], torch.tensor([label]))[0]

assert torch.allclose(flows, from_package, rtol=0, atol=1e-15)  # by hand and in gdw
assert torch.allclose(flows, leaf.grad, rtol=0, atol=1e-15)  # by hand and by torch's autograd
print(f"by hand = gdw.class_gradients = autograd; the flows sum to {flows.sum().abs():.3f}")

# %% [markdown]
# ## One weight for the whole instance
#
# A picture with its label is an **instance**. The usual way to handle a doubtful label is to multiply the loss of its
# instance by a weight $w \geq 0$. All flows of the instance are then multiplied by the same $w$.
#
# **Predict first.** Without a weight the push on cat is −0.6 and the push on bird −0.1. Is there a $w \geq 0$ for which
# the push on cat is *larger* than the push on bird?
#
# - [x] never :: Both are multiplied by the same number. cat − bird is −0.5 · w, which is at most 0.
# - [ ] at some w below 1 :: A smaller w makes −0.6 less negative, but −0.1 too, in proportion.
# - [ ] always, cat has the higher probability :: That is why the push *down* on cat is the strongest.
#
# <!-- here -->
# Drag the slider of the microscope and watch the third number below the bars. The keyboard works too: Tab to the
# slider, then the arrow keys.
# <!-- on the site
# In <a href="../live/microscope.html">the flow microscope</a>, choose *one weight for the instance*. Drag its slider
# and watch the third number below the bars. -->
#
# The bars show the push on each logit; below are three numbers: the sum of the pushes, true − observed (cat − dog), and
# true − strongest other (cat − bird).

# %% tags=["reveals"]
FlowMicroscope([cat_dog_bird(cat_picture())])

# %% tags=["reveals"]
for weight in (1.0, 0.3, 0.0):
    pushes = -weight * flows
    cat_dog, cat_bird = pushes[cat] - pushes[dog], pushes[cat] - pushes[bird]
    print(f"w = {weight:.1f}:  cat − dog {cat_dog + 0.0:+.2f}   cat − bird {cat_bird + 0.0:+.2f}")
    assert cat_bird <= 0
    assert torch.isclose(cat_bird, torch.tensor(-0.5 * weight, dtype=torch.float64))

# %% [markdown]
# **What you see.** cat − bird is always $-0.5\,w$: never above 0. At $w=0.3$ the wrong push “dog!” is 0.3 times as
# large, and so is the true *not bird*. At $w=0$ nothing is pushed: what is wrong is gone, and what is true is gone
# too. With one weight, the best you can do with this picture is to ignore it. The cat's push would have to change
# *alone*.
#
# ## A weight for each flow
#
# So give each flow its own weight, $w_c$. Then the wrong “not cat” can go while the true “not bird” stays. There is one
# rule: the weighted flows must still sum to 0, as the flows themselves do,
#
# $$\sum_c w_c\,(p_c - [c=t]) = 0.$$
#
# This is the [zero-mean constraint](../docs/glossary.md#zero-mean-constraint). It fixes the label's weight: it
# *follows* from the other weights. So the dog's bar below is locked.
#
# **Predict first.** Set the cat's push to 0 and leave the bird's push at −0.1. What is the dog's push then?
#
# - [ ] +0.7, as before :: Then the three would sum to +0.6.
# - [x] +0.1 :: 0 − 0.1 + 0.1 = 0. The wrong *“dog!”* is much smaller, but it is not gone.
# - [ ] 0 :: Then the sum would be −0.1: where something is pushed down, something has to be pushed up.
#
# <!-- here -->
# Now drag the end of the **cat's** bar to 0. Leave the bird's bar alone.
# <!-- on the site
# Now choose *one for each class* in <a href="../live/microscope.html">the flow microscope</a>, and drag the end of the
# **cat's** bar to 0. Leave the bird's bar alone. -->

# %% tags=["reveals"]
FlowMicroscope([cat_dog_bird(cat_picture())], mode="classes")

# %% [markdown]
# ### Exercise 1: lift the cat
#
# Find weights $\geq 0$ for cat, dog and bird so that cat − bird is **above 0** and all pushes sum to 0. Read them from
# the microscope, or compute them.

# %%
# BEGIN SOLUTION
my_weights = [0.0, 0.1 / 0.7, 1.0]
# STUB: my_weights = [..., ..., ...]  # cat, dog, bird
# END SOLUTION
lift_the_cat(my_weights)

# %% [markdown]
# ### Exercise 2: the label's weight
#
# Solve the constraint for the label's own weight $w_t$, and write it as a function. `weights` and `probs` have one
# number per class, and `label` is the index $t$. The result must not depend on the old value of `weights[label]`.


# %%
def label_weight(weights, probs, label):
    # BEGIN SOLUTION
    others = weights * probs
    return (others.sum() - others[label]) / (1 - probs[label])
    # STUB: return ...
    # END SOLUTION


the_label_weight(label_weight)

# %% [markdown]
# The package has the same function under the name `gdw.zero_mean`. It does not divide by $1 - p_t$, because this
# division loses all digits when the network is sure of the label. The value is the same. Here are the microscope's
# numbers again, from that function:

# %%
wanted = torch.tensor([[0.0, 1.0, 1.0]], dtype=torch.float64)  # the label's own entry is ignored
weights = gdw.zero_mean(wanted, logits[None], torch.tensor([label]))[0]
pushes = -weights * flows

assert abs(pushes.sum()) < 1e-15  # the constraint holds
assert torch.isclose(pushes[dog], torch.tensor(0.1, dtype=torch.float64))
print("weights", weights.numpy().round(3), " pushes", pushes.numpy().round(3) + 0.0)
print(f"cat − dog {pushes[cat] - pushes[dog]:+.3f}   cat − bird {pushes[cat] - pushes[bird]:+.3f}")

# %% [markdown]
# **What you see.** cat − bird is +0.1. With one weight for the instance, the best value was 0.
#
# ## The price
#
# Look at “dog”. It still gets a push of +0.1. The bird is pushed down, so another logit must be pushed up, and the
# constraint allows only the label's. So keeping “not bird” also pushes the *wrong* label up.
#
# **Predict first.** Is there *any* choice of weights $\geq 0$ that pushes cat above **dog**?
#
# - [ ] yes, with a very small weight for dog :: Then dog's push is nearly 0. But it is never below 0, and the cat's is
#   never above 0.
# - [x] no :: Weights change how much of a flow goes back, not its sign.

# %% tags=["reveals"]
random = torch.Generator().manual_seed(0)
many = 2 * torch.rand(10_000, 3, generator=random, dtype=torch.float64)
many = gdw.zero_mean(many, logits.expand(10_000, 3), torch.full((10_000,), label))
pushes = -many * flows
over_dog, over_bird = (int((pushes[:, cat] > pushes[:, rival]).sum()) for rival in (dog, bird))
print(f"random weights that push cat above dog: {over_dog} of 10,000; cat above bird: {over_bird} of 10,000")
assert over_dog == 0 < over_bird

# %% [markdown]
# There is a proof. With weights $\geq 0$ the push on the true class is $-w_\text{cat}\,p_\text{cat} \leq 0$, and the
# push on the label is $w_\text{dog}\,(1 - p_\text{dog}) \geq 0$. So weights never **correct** a label, not even one
# weight per class. They can stop the harm, and they can keep what the label says about the *other* classes. This course
# claims no more than this, and later notebooks measure whether it helps.
#
# *A common mistake: “cat is lifted” does not mean that the network is told “cat”. The cat's logit is not pushed at all,
# and the bird's logit is pushed down.*
#
# What happens without the constraint? In the next microscope it is off: the sum of the pushes can leave 0.
# <!-- here -->
# All three bars can be dragged.
# <!-- on the site -->

# %%
microscope = FlowMicroscope([cat_dog_bird(cat_picture())], mode="free", weights=[0.0, 1.0, 1.0])
total, dog_push = microscope.numbers[0], microscope.pushes[dog]
print(f"push on dog {dog_push:+.1f}, sum of all pushes {total:+.1f}")
microscope

# %% [markdown]
# **What you see.** The push on “dog” is +0.7 again, and the pushes sum to +0.6. The softmax does not react when all
# logits of a picture move by the same amount, but the layers below the logits do. Notebook 04 shows what this does to
# training.
#
# ## The same on real digits
#
# Now handwritten digits. Six images in ten get a new label, drawn from all ten classes (one draw in ten gives the true
# one, so not all of these are wrong). We train a small network for eight epochs without any weights, and stop before it
# has learnt the wrong labels by heart.
# <!-- here -->
# Then look at its training images with **Previous** and **Next**: first mislabelled ones, then clean ones. Drag the
# true class's bar to 0: the label still excludes the other eight digits.
# <!-- on the site
# <a href="../live/microscope.html">The flow microscope</a> has such images: drag the true class's bar to 0, and the
# label still excludes the other eight digits. -->

# %%
experiment = gdw.Experiment(dataset="digits", noise="uniform", rate=0.6, method="cross-entropy", epochs=8)
training = gdw.Training(experiment)
for _ in training.events():
    pass
print(f"{100 * training.task.wrong_label_rate:.1f} % of {len(training.task.train)} training labels are wrong")
print(f"test accuracy ≈ {training.history['test_accuracy'][-1]:.0f} %")
FlowMicroscope.from_training(training)

# %% [markdown]
# Add up the sizes $|p_c - [c=t]|$ of all flows of the mislabelled images. Exactly half of this sum is the push toward
# the wrong label, because the flows of each image sum to 0. The other half is *“not the true class”* (wrong) and *“not
# one of the others”* (true).
#
# One more count, over the mislabelled images only. Take the class with the highest probability, leaving out the
# observed label. If it is the true class, then *every* instance weight above 0 pushes the true class down more than its
# strongest rival, as with cat and bird.
#
# **Predict first.** In the eighth epoch, what share of all that mislabelled images send back is **true**?
#
# - [ ] almost nothing: their labels are wrong :: Each wrong label still excludes eight digits rightly.
# - [x] about a third :: Half is the push toward the wrong label, and about a third says rightly what the digit is not.
# - [ ] half :: The whole other half would have to be true. But part of it is *“not the true class”*.

# %% tags=["reveals"]
mass = training.history["flow_mass"][:, 1]  # by epoch, mislabelled: observed label, true class, other classes
shares = 100 * mass / mass.sum(-1, keepdims=True)
toward_label, not_true, not_others = shares[-1]
print(f"the push toward the wrong label is ≈ {toward_label:.0f} %")
print(f"“not one of the others” is ≈ {shares[0, 2]:.0f} % in the first epoch and ≈ {not_others:.0f} % in the last")
assert abs(toward_label - 50) < 0.1
assert shares[0, 2] > not_others
assert 25 < not_others < 42  # about a third

# %% tags=["reveals"]
task = training.task
with torch.no_grad():
    beliefs = training.model(task.pixels.normalise(task.train.images)).softmax(-1)
wrong = (task.true_labels != task.train.labels).nonzero()[:, 0]
rows = beliefs[wrong].scatter(1, task.train.labels[wrong, None], 0)  # leave out the observed label
harmed = (rows.argmax(1) == task.true_labels[wrong]).double().mean()
assert harmed > 0.6
print(f"true class strongest but for the label: ≈ {100 * harmed:.0f} % of the mislabelled images")

# %% [markdown]
# **What you see.** In the eighth epoch about a third of what mislabelled images send back is true. An instance weight
# of 0 removes the wrong part and this third. In the first epoch the share was larger: the surer the network is of the
# true class, the smaller the other flows become. And for most mislabelled images it is as with cat and bird: any
# instance weight above 0 pushes the true class down more than its strongest rival.
#
# ## Recap
#
# - A label sends one number per class back through the logits, the **flow** $p_c - [c=t]$. The flows of an instance
#   sum to 0.
# - A wrong label says two wrong things (*“this!”*, *“not the true class”*) and several true ones (*“not those”*).
# - One weight per instance scales all of them by the same factor: for our cat, cat − bird is $-0.5\,w$, never above 0.
# - One weight per class can keep the true part: +0.1. The label's own weight follows from the others.
# - The price: the wrong label still gets a push of +0.1, and weights $\geq 0$ never push the true class above it. They
#   only stop the harm.
#
# We set these weights by hand because we knew the true label. A method does not know it.
#
# ## Quiz
#
# 1. Probabilities 0.5 cat, 0.4 dog, 0.1 bird; the label says bird. What are the three pushes?
#    - [ ] cat +0.5, dog +0.4, bird −0.9 :: These are the flows. The push is minus the flow.
#    - [x] cat −0.5, dog −0.4, bird +0.9 :: Minus (p − [c = t]). They sum to 0.
#    - [ ] cat −0.5, dog −0.4, bird −0.1 :: The label's own logit is pushed up, by 1 − 0.1.
# 2. If the label is right, which of its flows are wrong?
#    - [x] none :: “This!” and all “not that” are true.
#    - [ ] the largest one :: The size says how surprised the network is, not whether the label is right.
# 3. Can weights of 0 or more turn a wrong label into a right one?
#    - [ ] yes, with one weight per class :: They only change how much of each flow goes back; no push changes its sign.
#    - [x] no :: They stop the harm, and they can keep what is true about the other classes.
#
# **Take-away:** a wrong label also says true things; only a weight for each flow can keep them without *“not the true
# class”*.
#
# **Next:** [03 · How can 50 clean images weight a thousand others?](03_learning_from_a_clean_set.ipynb)
# (For further reading: [02 · How do labels go wrong?](02_broken_data.ipynb))
