"""Figures: pure functions, a History or tensors in, a matplotlib Figure out."""
