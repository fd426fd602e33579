"""Data: sets of images, what is done to their labels, and the disjoint splits of a task."""

from gdw.data.batches import index_batches
from gdw.data.corruption import class_counts, corrupt_labels, transition_matrix, wrong_label_rate
from gdw.data.dataset import Dataset
from gdw.data.datasets import DATASETS, load_dataset
from gdw.data.folder import load_table
from gdw.data.randomness import generator
from gdw.data.task import Split, Task, make_task
from gdw.pictures.pixels import Pixels

__all__ = [
    "DATASETS", "Dataset", "Pixels", "Split", "Task", "class_counts", "corrupt_labels", "generator", "index_batches",
    "load_dataset", "load_table", "make_task", "transition_matrix", "wrong_label_rate",
]  # fmt: skip
