"""The long check of what the package survives: kills, random presses, random input, 200 runs, closed pages."""
