"""Gradients: class-level flows, the meta gradient (exact, and named approximations), and the Step that methods see."""
