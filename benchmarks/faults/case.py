"""A case: a program with a fault that is known, beside its healthy version; or a healthy control."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from unstuck.training.program import Program

Make = Callable[[], Program]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is diagnosed, and what is known of it.

    Args:
        id: of the case.
        program: () → the program that is diagnosed.
        healthy: () → the same task as a competent person trains it; None: the program is healthy, a control.
        causes: ids that are right, the primary one first, then neighbours that the same experiment confirms.
        source: where it comes from: a public case, or "own".
        effect: harms: the score is below the healthy one, and can be cured; beyond-cure: it is below, and the
            data are to blame; flatters: it is above, and must not be believed.
    """

    id: str
    program: Make
    healthy: Make | None = None
    causes: tuple[str, ...] = ()
    source: str = "own"
    effect: Literal["harms", "beyond-cure", "flatters"] = "harms"

    @property
    def is_control(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.healthy is None

    @property
    def is_curable(self) -> bool:
        """Whether a change of the program, not of the data, reaches the healthy score."""
        return self.effect == "harms" and not self.is_control


def controls(*programs: Make) -> tuple[Case, ...]:
    """Healthy programs, each a case by the name of its function."""
    return tuple(Case(id=_id(program), program=program) for program in programs)


def fault(
    program: Make,
    healthy: Make,
    *causes: str,
    source: str = "own",
    effect: Literal["harms", "beyond-cure", "flatters"] = "harms",
) -> Case:
    """A case by the name of its function."""
    return Case(id=_id(program), program=program, healthy=healthy, causes=causes, source=source, effect=effect)


def _id(program: Make) -> str:
    return program.__name__.replace("_", "-")
