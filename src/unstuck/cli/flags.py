"""Recipe keys as flags: `--optimizer.lr 0.1` becomes `--set optimizer.lr=0.1`, which verbs know."""

from collections.abc import Iterator, Sequence

from unstuck.errors import RecipeError

# The recipe's keys, written down so that `--help` needs no pydantic; a test compares them.
KEYS = (
    "seed",
    "epochs",
    "batch_size",
    "engine",
    "device",
    "threads",
    "precision",
    "compile",
    "keep",
    "data",
    "model",
    "loss",
    "optimizer",
    "schedule",
    "stopping",
    "augment",
    "transfer",
)
# Flags that are short for a deeper key.
SHORT = {
    "target": "data.target",
    "lr": "optimizer.lr",
    "freeze": "transfer.freeze",
    "unfreeze": "transfer.unfreeze",
    "unfreeze_after": "transfer.unfreeze_after",
    "rate": "transfer.rate",
}


def with_settings(arguments: Sequence[str]) -> list[str]:
    """The arguments with every recipe flag, `--key value` or `--key=value`, turned into `--set key=value`."""
    return list(_rewritten(iter(arguments)))


def _rewritten(arguments: Iterator[str]) -> Iterator[str]:
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        key = _key(flag)
        if key is None:
            yield argument
            continue
        if not equals and (value := next(arguments, None)) is None:
            raise RecipeError(key, "have a value after it", flag, hint=f"Try {flag} VALUE.")
        yield f"--set={key}={value}"


def _key(flag: str) -> str | None:
    """The dotted key that a flag names: `--batch-size` is `batch_size`; None if it is no recipe flag."""
    if not flag.startswith("--"):
        return None
    name = in_full(flag)
    return name if name.split(".")[0] in KEYS else None


def in_full(typed: str) -> str:
    """A key, or KEY=VALUE, with the dotted key that it stands for: `lr` for `optimizer.lr`, `batch-size` too."""
    key, equals, value = typed.partition("=")
    name = key.strip().removeprefix("--").replace("-", "_")
    return f"{SHORT.get(name, name)}{equals}{value}"
