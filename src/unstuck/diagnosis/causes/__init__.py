"""What can be wrong with a training: a record for each cause, in the order of the procedure."""

from collections.abc import Mapping

from unstuck.diagnosis.causes import capacity, data, objective, optimization, signal, wiring
from unstuck.diagnosis.terms import Cause

CAUSES: Mapping[str, Cause] = {
    cause.id: cause
    for group in (wiring, data, objective, signal, optimization, capacity)
    for cause in group.CAUSES
}
"""By id. Is the program wired right, is the data sound, then objective and signal, optimization, capacity."""
