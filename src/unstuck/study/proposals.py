"""What optuna is asked for: values to try next, whether a trial is worth going on, and a journal of trials.

The journal has finished trials only, a line each, flushed. A search that was killed has therefore nothing half
done in it but perhaps its last line, which is dropped. Proposals follow from the finished trials and the seed
alone, so that a search that goes on proposes what it would have proposed undisturbed.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unstuck import files
from unstuck.errors import RunError
from unstuck.rng import stream
from unstuck.study.space import Choices, Range

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

# Trials drawn at random before TPE has something to go by. Bergstra et al. 2011, NIPS, took 20 for spaces of up
# to 32 keys; ours have a few, and twenty trials all in all.
_STARTUP = 5
# The epoch after which a trial may be pruned first: after one, rates that win in the end are often still behind.
_FIRST_PRUNED = 2
# Draws, at most, until one has values that were not tried yet: first the sampler's, then, as it may insist, random
# ones. Of the last of a hundred combinations these miss a third.
_DRAWS, _RANDOM_DRAWS = 10, 110
# Under this key optuna keeps what we know of a trial.
_FACTS = "unstuck"

Sampler = Literal["tpe", "random"]


class Proposals:
    """Trials proposed one after the other, those of a journal counted in.

    Args:
        space: values by key.
        sampler: tpe, the tree-structured Parzen estimator of Bergstra et al. 2011; random, which never learns.
        seed: draws.
        prune: whether trials are stopped that are worse than the median of the finished ones at the same epoch,
            by their best score so far. Hyperband would need brackets of many short trials; the median needs no
            setting, and five finished trials.
        path: the journal's file; nothing: none is written.
    """

    def __init__(
        self,
        space: Mapping[str, Choices | Range],
        *,
        sampler: Sampler,
        seed: int,
        prune: bool,
        path: Path | None = None,
    ) -> None:
        optuna: Any = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner: Any = optuna.pruners.NopPruner()
        if prune:
            pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=_FIRST_PRUNED)
        self._optuna, self._space, self._sampler, self._seed = optuna, space, sampler, seed
        self._distributions = {key: _distribution(optuna, values) for key, values in space.items()}
        self._study: Study = optuna.create_study(direction="maximize", pruner=pruner)
        self._journal: Study | None = None
        if path:
            self._journal = _journal(optuna, path, f"{sampler}, pruned" if prune else sampler)
            self._study.add_trials(self._journal.trials)

    def finished(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Values and facts of every finished trial, in their order."""
        return [
            (self._values(trial.params), trial.user_attrs[_FACTS])
            for trial in self._study.trials
            if _FACTS in trial.user_attrs
        ]

    def next(self) -> "Proposal":
        """Values to try, others than before as far as such are drawn."""
        tried = [values for values, _ in self.finished()]
        proposal = self._drawn(len(tried), 0)
        for attempt in range(1, _RANDOM_DRAWS):
            if proposal.values not in tried:
                break
            self.drop(proposal)
            proposal = self._drawn(len(tried), attempt)
        return proposal

    def _drawn(self, number: int, attempt: int) -> "Proposal":
        """By a fresh sampler each time: what it draws does not depend on how often the search was begun."""
        seed = int(stream(self._seed, "probe", number, attempt).integers(2**31))
        samplers = self._optuna.samplers
        if self._sampler == "random" or attempt >= _DRAWS:
            self._study.sampler = samplers.RandomSampler(seed=seed)
        else:
            self._study.sampler = samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
        trial = self._study.ask(self._distributions)
        return Proposal(self._study, trial, self._values(trial.params))

    def keep(self, proposal: "Proposal", value: float | None, facts: Mapping[str, Any]) -> None:
        """Put a trial that is over into the journal; without a value it was not trained to its end."""
        trial = proposal.close(self._optuna, value, facts)
        if self._journal:
            self._journal.add_trial(trial)

    def drop(self, proposal: "Proposal") -> None:
        """Forget a trial: if it was interrupted, it will be proposed again."""
        self._study.tell(proposal.trial, state=self._optuna.trial.TrialState.FAIL)

    def _values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Of choices optuna knows the place alone: it takes no lists."""
        return {
            key: params[key] if isinstance(values, Range) else values[params[key]]
            for key, values in self._space.items()
        }


class Proposal:
    """Values that a trial tries, and what optuna thinks of its scores."""

    def __init__(self, study: "Study", trial: "Trial", values: Mapping[str, Any]) -> None:
        self.trial, self.values = trial, values
        self._study = study

    def is_behind(self, epoch: int, score: float) -> bool:
        """Note the score after an epoch, counted from 1; whether the trial is not worth going on."""
        self.trial.report(score, epoch)
        return self.trial.should_prune()

    def close(self, optuna: Any, value: float | None, facts: Mapping[str, Any]) -> "FrozenTrial":
        """The finished trial as optuna keeps it."""
        states = optuna.trial.TrialState
        self.trial.set_user_attr(_FACTS, dict(facts))
        return self._study.tell(self.trial, value, state=states.PRUNED if value is None else states.COMPLETE)


def _distribution(optuna: Any, values: Choices | Range) -> "BaseDistribution":
    known = optuna.distributions
    if not isinstance(values, Range):
        return known.CategoricalDistribution(tuple(range(len(values))))
    if values.is_whole:
        return known.IntDistribution(int(values.low), int(values.high), log=values.log)
    return known.FloatDistribution(float(values.low), float(values.high), log=values.log)


class _Ours:
    """The journal's lock where there is nothing to lock: one process has the folder."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _journal(optuna: Any, path: Path, name: str) -> "Study":
    """The study of that name in the journal, whose last line may be cut short by a kill: it never counted."""
    with files.said(path):
        content = path.read_bytes() if path.exists() else b""
        if not content.endswith(b"\n"):
            files.write(path, content[: content.rfind(b"\n") + 1])
    module: Any = importlib.import_module("optuna.storages.journal")
    try:
        storage = module.JournalStorage(module.JournalFileBackend(str(path), lock_obj=_Ours()))
        if name in optuna.get_all_study_names(storage):
            return optuna.load_study(storage=storage, study_name=name)
        return optuna.create_study(storage=storage, study_name=name, direction="maximize")
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged: the search cannot go on.") from None
