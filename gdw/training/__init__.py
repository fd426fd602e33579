"""Training: the one loop, with an optional axis of seeds, and what it makes: a trained model."""
