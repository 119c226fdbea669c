"""Every error raised on purpose. They are for misuse; a training that fails is a value (`StopReason`).

UnstuckError            one line that says what to type instead; the command line ends with 2
├── RecipeError         a recipe that cannot be run: field, condition, value
├── DataError           data that cannot be read or trained on
├── ProgramError        live objects (model, loss, optimizer, ...) that do not fit together
├── RunError            a run folder that is missing, unfinished, damaged or in the way
└── ExtraError          a package that a feature needs and that is not installed
"""

import difflib
from collections.abc import Iterable


class UnstuckError(Exception):
    """Base of every error raised on purpose; each subclass is for one kind of misuse."""


class RecipeError(UnstuckError, ValueError):
    """A recipe that cannot be run, worded so that the reader can mend it.

    Args:
        field: dotted path of the field, such as `optimizer.lr`.
        must: the condition, completing the sentence "field must …".
        got: the offending value.
        hint: what to do, where the condition does not say it.
        source: the file or flag that the value came from.
    """

    def __init__(self, field: str, must: str, got: object, *, hint: str = "", source: str = "") -> None:
        self.field, self.must, self.got, self.hint, self.source = field, must, got, hint, source
        where = f"{source}: " if source else ""
        super().__init__(f"{where}{field} must {must}, got {got!r}. {hint}".rstrip())

    def at(self, source: str) -> "RecipeError":
        """The same error, saying which file or flag it came from."""
        return RecipeError(self.field, self.must, self.got, hint=self.hint, source=source)


class DataError(UnstuckError, ValueError):
    """Data that cannot be read, or not be trained on."""


class ProgramError(UnstuckError, TypeError):
    """Live objects that do not fit together: a model, a loss, an optimizer, data."""


class RunError(UnstuckError, OSError):
    """A run folder that is missing, unfinished, damaged or in the way."""


class ExtraError(UnstuckError, ImportError):
    """A package that is not installed, and the extra that brings it."""


REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a model, a loss, a step or a score of the user's may raise that is given what it does not expect."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The sentence that offers the nearest known word and lists the others."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    guess = f"Did you mean {near[0]}? " if near else ""
    return f"{guess}Known: {', '.join(known)}."
