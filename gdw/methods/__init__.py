"""The methods, one file each: a method turns a Step into the gradient that goes back through the logits."""

from collections.abc import Callable

# The order of these imports is the order in which methods are listed, drawn and compared.
# isort: off
from gdw.methods.base import METHODS, Method, Phase, method_class, register
from gdw.methods.plain import CrossEntropy, FineTune, OnlyClean, Pooled
from gdw.methods.label_smoothing import LabelSmoothing
from gdw.methods.focal import FocalLoss
from gdw.methods.gce import GCE
from gdw.methods.class_balanced import ClassBalanced
from gdw.methods.ldam import LDAM
from gdw.methods.balanced_softmax import BalancedSoftmax
from gdw.methods.seesaw import SeesawLoss
from gdw.methods.importance import ImportanceReweighting
from gdw.methods.noise_layer import NoiseLayer
from gdw.methods.glc import GLC
from gdw.methods.co_teaching import CoTeaching
from gdw.methods.loss_mixture import LossMixture
from gdw.methods.elr import ELR
from gdw.methods.sop import SOP
from gdw.methods.l2rw import L2RW
from gdw.methods.fsr import FSR
from gdw.methods.insw import INSW
from gdw.methods.mwnet import FiniteDifferenceMWNet, FirstOrderMWNet, MWNet
from gdw.methods.cmw_net import CMWNet
from gdw.methods.mlc import MLC
from gdw.methods.gdw import GDW, ReducedGDW, TiedGDW
from gdw.methods.gdw_class_net import ClassNetGDW
# isort: on

__all__ = [
    "ELR", "FSR", "GCE", "GDW", "GLC", "INSW", "L2RW", "LDAM", "METHODS", "MLC", "SOP", "BalancedSoftmax", "CMWNet",
    "ClassBalanced", "ClassNetGDW", "CoTeaching", "CrossEntropy", "FineTune", "FiniteDifferenceMWNet",
    "FirstOrderMWNet", "FocalLoss", "ImportanceReweighting", "LabelSmoothing", "LossMixture", "MWNet", "Method",
    "NoiseLayer", "OnlyClean", "Phase", "Pooled", "ReducedGDW", "SeesawLoss", "TiedGDW",
    "method_class", "register",
]  # fmt: skip
check: Callable[..., None]  # gdw/__init__.py sets it: it trains, and is written in a later wing
