"""Experiments: what a run is, its four values and their fields, and the History and record of one that is over."""
