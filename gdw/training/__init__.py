"""Training: an Experiment, the one loop, and the History it records."""
