# %% [markdown]
# # Learning from wrong labels and unbalanced classes
#
# Everything there is to touch, without code. Point at a word above a panel: its meaning appears.

# %%
from gdw_notebooks.panels.classroom import Classroom

Classroom()
