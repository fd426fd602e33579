# %% [markdown]
# # Learning from wrong labels and unbalanced classes
#
# Everything there is to touch, without code. Tap a word above a panel, or point at it: its meaning appears.

# %%
from gdw_notebooks.panels.classroom import Classroom

Classroom()
