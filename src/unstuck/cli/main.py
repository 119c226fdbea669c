"""The command line: finds the verb, and turns every error into one line and an exit code.

0 done; 1 `diagnose` confirmed a cause; 2 misuse, in one line that says what to type; 130 interrupted, state saved.
"""

import sys
from collections.abc import Sequence
from importlib import metadata

from cyclopts import App, CycloptsError, MissingArgumentError, UnknownOptionError

from unstuck.cli.flags import KEYS, SHORT, with_settings
from unstuck.cli.processes import follow, place
from unstuck.errors import UnstuckError, did_you_mean

# Verbs are loaded when they are called: help must not wait for numba.
VERBS = {
    "train": "Train a network: on a data set by name, a recipe.toml, or a path to your data.",
    "resume": "Go on with a training that was interrupted, exactly where it was left.",
    "finetune": "Train a run's network, or published weights, further: a new head, on other data.",
    "evaluate": "Score a run again, on its own data or on other data.",
    "predict": "Answer for new pictures or rows with a run's network.",
    "export": "Write a run's network to a file for others to run: ONNX, or torch's own.",
    "data": "Look at data before training: counts, ranges, balance, a picture.",
    "check": "Say what a recipe would train, without training it.",
    "compare": "Say which changes help: every arm over the same seeds, with intervals.",
    "crossval": "Hold every row out once, and score it by a network that never saw it.",
    "ensemble": "Train several networks that answer together: bagging, seeds, votes, calibration.",
    "lr": "Find a learning rate by a range test, with its curve and the reason.",
    "search": "Search for the values that a recipe trains best with, trial after trial.",
    "show": "Draw the network that a recipe describes: layers, shapes, parameters, cost.",
    "explain": "Show back-propagation: the graph of a few rows, values forward and gradients back.",
    "diagnose": "Say why a program does not train, by experiment, and prove a cure on fresh seeds.",
    "curvature": "Say whether a run ended in a minimum, at a saddle or on a plateau of its loss.",
    "init": "Write a recipe.toml to start from, every key explained.",
    "list": "List data sets, models, losses, optimizers and all else that a recipe may name; and causes.",
}

app = App(
    name="unstuck",
    help="Train a neural network. When it will not train, find out why by experiment.",
    version=lambda: metadata.version("unstuck"),
    help_epilogue="Start with: unstuck train mnist",
)
for verb, about in VERBS.items():
    app.command(f"unstuck.cli.{verb}:verb", name=verb, help=about)


def main() -> None:
    """The entry point of the command `unstuck`."""
    sys.exit(run(sys.argv[1:]))


def _in_one_line(error: Exception, arguments: Sequence[str]) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, UnknownOptionError):
        flag = (error.token.keyword or error.token.value).partition("=")[0]
        named = [name for one in error.argument_collection for name in one.names]
        own = [name[2:] for name in named if name.startswith("--") and not name.startswith("--empty-")]
        word = flag.removeprefix("--").partition(".")[0]
        return f"Unknown option: {flag}. {did_you_mean(word, (*KEYS, *SHORT, *own))}"
    if isinstance(error, MissingArgumentError):
        return f"{said} Type: unstuck {arguments[0]} --help"
    return said


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code."""
    rank, _ = place()
    try:
        if rank:
            return follow(arguments)
        code = app(with_settings(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, UnstuckError) as error:
        which = f"process {rank}: " if rank else ""
        print(f"unstuck: {which}{_in_one_line(error, arguments)}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"unstuck: this machine's memory is too small for it: {error or 'nothing left'}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("unstuck: interrupted", file=sys.stderr)
        return 130
    return code or 0
