"""The methods, one file each: a method turns a Step into the gradient that goes back through the logits."""

from gdw.methods.base import METHODS, Method, Stage, method_class, register
from gdw.methods.gdw import GDW, TiedGDW
from gdw.methods.insw import INSW
from gdw.methods.l2rw import L2RW
from gdw.methods.mwnet import MWNet
from gdw.methods.plain import CrossEntropy, FineTune, OnlyClean, Pooled

__all__ = [
    "GDW", "INSW", "L2RW", "METHODS", "CrossEntropy", "FineTune", "MWNet", "Method", "OnlyClean", "Pooled",
    "Stage", "TiedGDW", "method_class", "register",
]  # fmt: skip
