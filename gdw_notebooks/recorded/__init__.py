"""Recorded runs: those too long for a notebook, and the scenarios of the lab."""
