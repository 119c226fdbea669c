"""Changes that may cure, each a pure function from a program to a program."""

from unstuck.diagnosis.treatments.table import TREATMENTS

__all__ = ["TREATMENTS"]
