"""What it costs: every figure with the command that prints it (benchmarks/README.md)."""
