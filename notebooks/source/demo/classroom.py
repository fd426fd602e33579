# %% [markdown]
# # Learning from wrong labels and unbalanced classes
#
# Everything there is to touch, without code. Start it as a page with `make demo`.

# %%
from gdw_notebooks.panels.classroom import Classroom

Classroom()
