"""Grading: students' notebooks run in a sandbox, and only their answers come back to be checked here."""
