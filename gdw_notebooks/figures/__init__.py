"""Figures: pure functions, a History or tensors in, a matplotlib Figure out."""

from gdw.errors import require_package

require_package("matplotlib", "course", "a figure")
