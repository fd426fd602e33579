"""For every test of the code."""

from hypothesis import settings

settings.register_profile("gdw", deadline=None)  # a busy machine is no failure
settings.load_profile("gdw")
