"""The grader: which mistake made that number. A learner's function is called, and the known mistake that does the same is named.

One rule: the steps say what is right, and a mistake is named only where its own run gives the learner's very results.
"""

from convstep.grading.checking import check
from convstep.grading.grades import Diagnosis, FileReport, Grade

__all__ = ["Diagnosis", "FileReport", "Grade", "check"]
