"""The search for treatments that help: as suspected, one on top of the other, else all at once and then back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from unstuck.diagnosis.experiment import Lab
from unstuck.diagnosis.scale import MATERIAL
from unstuck.diagnosis.subject import Arm
from unstuck.diagnosis.suspects import SURE, Suspect

BREADTH = (8, 4, 3)
"""Treatments that each round tries, before it puts the best of them on top of what was found."""
ENOUGH_TRIED = 5
"""Treatments after which a round ends, if one of them helps."""
SUSPICIOUS = 0.5
"""Suspicion from which a cause is thought of when several are mended at once."""

MILDER: Mapping[str, str] = {
    "lr-hundredth": "lr-tenth",
    "lr-hundredfold": "lr-tenfold",
    "epochs-tenfold": "epochs-threefold",
}
"""What is tried before more of the same, which is tried next where it helps best."""

TOGETHER: Sequence[Arm] = (
    ("scale-inputs", "scale-targets"),
    ("scale-inputs", "scale-targets", "adam"),
    ("scale-inputs", "scale-targets", "adam", "lr-tenfold"),
    ("scale-inputs", "scale-targets", "reinitialize", "relu", "adam"),
    ("scale-inputs", "scale-targets", "reinitialize", "normalize", "adam", "epochs-threefold"),
)
"""What makes nearly every network easier to train, from less change to more; added to what is suspected."""


Again = Callable[[Arm], Sequence[Suspect]]


class Outcome(NamedTuple):
    """What an arm did beside another: its gain on each seed tried, and whether that counts.

    `suspect` is the treatment that makes the difference, where it is a single one.
    """

    arm: Arm
    beside: Arm
    suspect: Suspect | None
    gains: tuple[float, ...]
    counts: bool


@dataclass(eq=False)
class Search:
    """Where a search stands.

    Args:
        lab: that trains.
        numbers: of the seeds to choose by, two or more, those first on which the control does worst.
        target: a score with which nothing more is looked for.
        seeds: on which what is found must be proven, with the control beside it.
        sizes: of treatments, by how much they change.
        again: what is suspected of the program with an arm's treatments.
        sure: treatments of what is surely wrong.
        hunches: treatments that no finding speaks for.
        outcomes: of all that was tried.
        best: arm so far, alone or on top of others.
    """

    lab: Lab
    numbers: Sequence[int]
    target: float
    seeds: int
    sizes: Mapping[str, int]
    again: Again
    sure: frozenset[str] = frozenset()
    hunches: frozenset[str] = frozenset()
    outcomes: list[Outcome] = field(default_factory=list)
    best: Arm = ()

    def affords(self, arm: Arm) -> bool:
        """Whether an arm can be tried, and either it or the best so far be proven afterwards."""
        price = self.lab.price(arm)
        proof = self.seeds * (1 + max(price, self.lab.price(self.best)))
        return price > 0 and self.lab.affords(price + proof)

    def tried(self, arm: Arm, beside: Arm = (), suspect: Suspect | None = None, best: Arm = ()) -> Outcome | None:
        """An arm beside another: on one seed, and on others while it helps, as much as the best so far does."""
        gains: list[float] = []
        for number in self.numbers:
            if not self.affords(arm) or (gain := self.lab.gain(arm, number, beside=beside)) is None:
                break
            gains.append(gain)
            if not self._counts(arm, beside, gains) or self._is_behind(arm, best, len(gains)):
                break
        if not gains or self.lab.treated(arm) is None:  # what breaks on one seed is no treatment
            return None
        outcome = Outcome(arm, beside, suspect, tuple(gains), self._counts(arm, beside, gains))
        self.outcomes.append(outcome)
        return outcome

    def _is_behind(self, arm: Arm, best: Arm, count: int) -> bool:
        """Whether it does worse than the best so far, on the first so many seeds."""
        numbers = self.numbers[:count]
        return bool(best) and self.lab.mean(arm, numbers) < self.lab.mean(best, numbers) - self.lab.scale.close

    def _counts(self, arm: Arm, beside: Arm, gains: Sequence[float]) -> bool:
        """Whether the mean gain is material; on top of what helped already half of that will do.

        Of what nothing points at twice as much of the way is asked: any program can be tuned a little.
        """
        before = self.lab.mean(beside, self.numbers[: len(gains)])
        least = self.lab.scale.material(before, is_sure=self.sure >= {*arm} - {*beside})
        if self.hunches >= {*arm}:
            least = max(least, 2 * MATERIAL * self.lab.scale.span)
        if beside:
            least = max(least / 2, self.lab.scale.close)
        return sum(gains) / len(gains) >= least

    def mean(self, arm: Arm) -> float:
        """Score of an arm on the seeds that it was tried on."""
        return self.lab.mean(arm)

    def singly(self, queue: Sequence[Suspect]) -> Arm:
        """Rounds, each of which puts the best of some treatments on top of what was found; empty if none helps.

        After the first one it is what the program shows with what was found that is suspected.
        """
        for breadth in BREADTH:
            if self.best and not self.affords(self.best):
                break
            if self.best:
                queue = self.again(self.best)
            if self.best and self.mean(self.best) >= self.target:  # what is surely wrong is mended all the same
                queue = [suspect for suspect in queue if suspect.points >= SURE]
            if self._best_of(queue, self.best, breadth) is None:
                break
        return self.best

    def _best_of(self, queue: Sequence[Suspect], beside: Arm, breadth: int) -> Outcome | None:
        """The best of so many treatments, of fewer if one of them helps; None if none does."""
        found: Outcome | None = None
        left, count = [suspect for suspect in queue if suspect.treatment not in beside], 0
        while left and count < (min(ENOUGH_TRIED, breadth) if found else breadth):
            suspect = left.pop(0)
            if self._is_hopeless(suspect.treatment, beside):
                continue
            best = found.arm if found else ()
            outcome = self.tried(added(beside, (suspect.treatment,)), beside, suspect, best)
            count += outcome is not None
            if outcome is None or not outcome.counts:
                continue
            if found is None or self._is_better(outcome, found):
                found, self.best = outcome, outcome.arm
                left.sort(key=lambda one: MILDER.get(one.treatment) != suspect.treatment)  # more of the same first
            if suspect.points >= SURE or self.mean(found.arm) >= self.target:
                break
        return found

    def _is_hopeless(self, treatment: str, beside: Arm) -> bool:
        """Whether less of the same, tried before, did harm; or, where more costs more, no good."""
        less = MILDER.get(treatment)
        for outcome in self.outcomes:
            if outcome.suspect and outcome.suspect.treatment == less and outcome.beside == beside:
                least = self.lab.scale.close * (1 if self.lab.price((treatment,)) > 1 else -1)
                return outcome.gains[0] < least
        return False

    def _is_better(self, one: Outcome, other: Outcome) -> bool:
        """By what counts if it changes more, by nothing if it changes less; of equals the first one stays."""
        if self._is_behind(one.arm, other.arm, len(one.gains)):
            return False
        more = self._size(one) - self._size(other)
        usual, scale = self.mean(other.arm), self.lab.scale
        return more < 0 or self.mean(one.arm) > usual + (scale.material(usual) if more else scale.close)

    def _size(self, outcome: Outcome) -> int:
        return self.sizes[outcome.suspect.treatment] if outcome.suspect else 0

    def together(self, queue: Sequence[Suspect], found: Arm) -> Arm:
        """What is suspected and what makes training easy, all at once; empty if that does not help either.

        `found` is what helped so far, with which it must keep up.
        """
        best: Arm = ()
        tries = [(SURE, ()), *((SUSPICIOUS, usual) for usual in TOGETHER)]
        for least, usual in tries:
            arm = self.applicable(added(self._suspected(queue, least), usual))
            if not arm or self._is_known(arm) or not self._can_settle(arm, best, found):
                continue
            outcome = self.tried(arm, best=best or found)
            if (
                outcome
                and outcome.counts
                and (not best or self.mean(arm) > self.mean(best) + self.lab.scale.close)
            ):
                best = arm
            if best and self.mean(best) >= self.target:
                break
        return best

    def _can_settle(self, arm: Arm, best: Arm, found: Arm) -> bool:
        """Whether an arm can be tried, and either it or the best so far be taken apart and proven afterwards.

        Where nothing else was found it need not be taken apart to be of use.
        """
        if not found:
            return True
        trying = self.lab.price(arm) * len(self.numbers)
        return self.lab.affords(trying + max(self.settling(arm), self.settling(best)))

    def settling(self, arm: Arm) -> float:
        """Trainings that it takes to take an arm apart, and to prove what is left of it."""
        price = self.lab.price(arm)
        return price * len({*arm} - self._helpful()) * len(self.numbers) + self.seeds * (1 + price)

    def _helpful(self) -> set[str]:
        """Treatments of what is surely wrong that helped alone: they are not taken out again."""
        alone = {one.arm[0] for one in self.outcomes if one.counts and not one.beside and len(one.arm) == 1}
        return alone & self.sure

    def _suspected(self, queue: Sequence[Suspect], least: float) -> Arm:
        """For each cause of so many points the first treatment."""
        first: dict[str, str] = {}
        for suspect in queue:
            if suspect.points >= least:
                first.setdefault(suspect.cause, suspect.treatment)
        return tuple(first.values())

    def _is_known(self, arm: Arm) -> bool:
        return any(outcome.arm == arm and not outcome.beside for outcome in self.outcomes)

    def applicable(self, arm: Arm) -> Arm:
        """Those of the treatments that change something, each on top of those before it."""
        kept: Arm = ()
        for name in arm:
            if self.lab.treated((*kept, name)) is not None:
                kept = (*kept, name)
        return kept

    def least(self, arm: Arm) -> Arm:
        """The arm without what it does not need: taken out one by one, what changes most first.

        What is surely wrong and helped alone is needed.
        """
        for name in sorted({*arm} - self._helpful(), key=lambda one: (-self.sizes[one], arm.index(one))):
            rest = tuple(one for one in arm if one != name)
            if not rest:
                break
            known = {
                number: trial.clipped
                for number in self.numbers
                if self.affords(rest) and (trial := self.lab.trial(rest, number))
            }
            if known and sum(known.values()) / len(known) >= self.lab.mean(arm, (*known,)) - self.lab.scale.close:
                arm = rest
        return arm


def joined(arm: Arm, more: Arm) -> Arm:
    """Treatments, each once, in the order in which they are applied."""
    return tuple(sorted({*arm, *more}, key=_place))


def added(arm: Arm, more: Arm) -> Arm:
    """The arm with more treatments, without those that these make up for: another optimizer has its own rate."""
    kept = tuple(name for name in arm if "adam" not in more or name not in _OF_THE_OPTIMIZER)
    return joined(kept, more)


_OF_THE_OPTIMIZER = ("lr-hundredth", "lr-tenth", "lr-tenfold", "lr-hundredfold", "momentum")
_ORDER = (
    "drop-invalid-rows", "no-augmentation", "register-modules", "reconnect", "unfreeze", "respect-mode",
    "shallower", "wider", "narrower", "add-nonlinearity", "relu", "leaky-relu", "normalize", "no-dropout",
    "dropout", "reinitialize", "output-logits", "sigmoid-unit", "softmax-over-classes", "linear-output",
    "cross-entropy", "bce", "mse", "encode-targets", "match-shapes", "batch-first", "mean-loss", "class-weights",
    "flip-sign", "scale-inputs", "fill-missing", "scale-targets", "plain-length", "no-penalty", "plain-step",
    "optimize-all", "adam", "momentum", "constant-rate", "keep-rate", "lr-hundredth", "lr-tenth",
    "lr-tenfold", "lr-hundredfold", "clip-gradient", "weight-decay", "no-weight-decay",
    "smaller-batch", "larger-batch", "stop-early", "epochs-threefold", "epochs-tenfold",
)  # fmt: skip
"""Layers first, then their start, then what is made of outputs and inputs, then how they are trained."""


def _place(name: str) -> int:
    return _ORDER.index(name)
