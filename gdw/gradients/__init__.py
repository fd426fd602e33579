"""Gradients: class-level flows, the exact meta gradient, and the Step that methods see."""
