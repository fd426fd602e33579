"""Comparison: sweeps over experiments, statistics over seeds, tables, and what a step costs."""
