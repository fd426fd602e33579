"""gdw: learning from wrong labels and unbalanced classes by weighting every class-level gradient flow."""

from gdw import methods
from gdw.comparison.audit.audit import audit
from gdw.data.corruption import register_noise
from gdw.data.datasets import load_dataset, register_dataset
from gdw.data.task import make_task
from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.gradients.flows import class_gradients, zero_mean
from gdw.gradients.step import Step
from gdw.networks.classifiers import register_network
from gdw.training.check import check
from gdw.training.epoch_statistics import TrainingDiverged
from gdw.training.loop import BatchDone, EpochDone, train
from gdw.training.many import ManySeeds, run_seeds
from gdw.training.run import Training, run
from gdw.training.saved_model import SavedModel, load_model

methods.check = check  # it trains: written in a later wing than the methods that it checks

__version__ = "0.2.0"
__all__ = [
    "BatchDone", "EpochDone", "Experiment", "History", "ManySeeds", "SavedModel", "Step", "Training",
    "TrainingDiverged", "audit", "class_gradients", "load_dataset", "load_model", "make_task", "methods",
    "register_dataset", "register_network", "register_noise", "run", "run_seeds", "train", "zero_mean",
]  # fmt: skip
