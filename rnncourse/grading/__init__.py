"""Graded exercises: ``check(id, function)`` says at once what is right and what is not.

The class grader, ``rnncourse grade``, is beside it; nothing else of the package imports this
folder, and no learner's process gets a copy of it.
"""

from rnncourse.grading.check import Result, check

__all__ = ["Result", "check"]
