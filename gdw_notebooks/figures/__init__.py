"""Pure functions: a History or tensors in, a matplotlib Figure out; each titled by what it shows."""
