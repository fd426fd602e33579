"""Grading: a student's notebook runs in a guarded process, and only its answers come back to be checked here."""
