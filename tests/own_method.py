"""A method as a user would write it to a file of its own."""

HALF = """
import gdw

@gdw.methods.register
class Half(gdw.methods.Method):
    name, title, source = "half", "half", "a test"

    def logit_gradient(self, step):
        return 0.5 * step.flows / len(step)
"""
