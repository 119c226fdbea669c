"""Data sets by name: one line of the table each, with what it is, where it is from, and what opens it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unstuck.data import published, synthetic
from unstuck.data.fetch import Remote, obtain
from unstuck.data.readers import cifar, idx
from unstuck.data.sequences import LENGTHS
from unstuck.data.source import Pairs, Source
from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe.data import Data
from unstuck.recipe.edit import canonical
from unstuck.recipe.spec import Recipe
from unstuck.rng import stream


class Listing(NamedTuple):
    """What `unstuck list data` says of a set."""

    name: str
    about: str
    task: str
    """classification or regression."""
    rows: int
    """All of them, the test's too."""
    shape: tuple[int, ...]
    """Of one example."""
    origin: str
    """Who made it, and how it gets here: shipped, with scikit-learn, generated, or fetched."""
    licence: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One set of the catalogue."""

    about: str
    rows: int
    shape: tuple[int, ...]
    origin: str
    licence: str
    open: Callable[[str, int], Source]
    """From its name and the recipe's `data.seed`, which only generated sets use."""
    task: str = "classification"
    mirrored: str = ""
    """What its examples are taken for in a mirror, where that is another class."""
    upended: str = ""
    """What they are taken for upside down."""


def describe() -> tuple[Listing, ...]:
    """The catalogue as plain data, for lists and help."""
    return tuple(
        Listing(name, entry.about, entry.task, entry.rows, entry.shape, entry.origin, entry.licence)
        for name, entry in SETS.items()
    )


def asked_for(word: str, target: str | None = None) -> Data | None:
    """The data that a word stands for, a set's name or a path that exists; None if it is neither."""
    if canonical(word) in SETS:
        return Data(name=word)
    return Data(path=word, target=target) if Path(word).expanduser().exists() else None


def open_set(spec: Data, sets: Mapping[str, Entry] | None = None) -> Source:
    """The set of the catalogue that `spec.name` names.

    Args:
        spec: names the set; what it says of columns, task or picture size must not contradict the set.
        sets: the catalogue; `SETS` if not given.
    """
    sets = SETS if sets is None else sets
    name = spec.name or ""
    if name not in sets:
        hint = did_you_mean(name, sets) + " Your own data go by data.path."
        raise RecipeError("data.name", "name a data set", name, hint=hint)
    entry = sets[name]
    if spec.task not in ("auto", entry.task):
        raise RecipeError("data.task", f"be auto or {entry.task} for the set {name}", spec.task)
    for field in ("target", "ignore", "sequence", "group", "size"):
        if value := getattr(spec, field):
            raise RecipeError(f"data.{field}", f"be left out for the set {name}, which has its own", value)
    return entry.open(name, spec.seed)


def caution(recipe: Recipe, sets: Mapping[str, Entry] | None = None) -> str | None:
    """A line for people where augmentation changes what examples mean, which is known of the catalogue alone."""
    entry, augment = (SETS if sets is None else sets).get(recipe.data.name or ""), recipe.augment
    said = [f"mirrored, {entry.mirrored}"] if entry and entry.mirrored and augment.mirrors else []
    said += [f"upside down, {entry.upended}"] if entry and entry.upended and augment.upends else []
    if not said:
        return None
    changes = [name for name in ("flip", "rotation") if name in augment.changes]
    return f"{' and '.join(changes)} may change what {recipe.data.name} shows, but no label: {'; '.join(said)}."


def shipped_mnist(name: str = "mnist", seed: int = 0, *, folder: Path | None = None) -> Source:
    """MNIST from inside the package.

    Args:
        name: of the set.
        seed: unused; every opener takes it.
        folder: where the four files are; the package's own if not given.
    """
    folder = Path(str(files("unstuck.data") / "mnist")) if folder is None else folder
    paths = {file: folder / file for file in published.MNIST}
    mend = "Install unstuck again: pip install --force-reinstall --no-deps unstuck."
    return _idx_set(name, paths, published.MNIST, published.DIGITS, mend)


def fetched_idx(
    name: str, seed: int, *, remote: Remote, classes: tuple[str, ...], folder: str | None = None
) -> Source:
    """A set of four IDX files like MNIST's, fetched on first use; `folder` as for `fetch.obtain`."""
    paths = obtain(name, remote, folder=folder)
    return _idx_set(name, paths, remote.contents, classes, "Delete it, to have it fetched again.")


def _idx_set(
    name: str, paths: Mapping[str, Path], contents: Mapping[str, str], classes: tuple[str, ...], mend: str
) -> Source:
    def pairs(part: str) -> Pairs:
        x, y = (
            idx.read_array(paths[file], sha256=contents.get(file, ""), mend=mend)
            for file in (f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz")
        )
        return Pairs(x, y.astype(np.int64))

    return Source(name=name, train=pairs("train"), test=pairs("t10k"), classes=classes)


def fetched_cifar(name: str, seed: int, *, remote: Remote, classes: tuple[str, ...]) -> Source:
    """CIFAR-10, fetched on first use as one archive."""
    (archive,) = obtain(name, remote).values()
    train, test = cifar.read(archive)
    return Source(name=name, train=train, test=test, classes=classes)


def from_sklearn(name: str, seed: int, *, loader: str) -> Source:
    """A table that comes with scikit-learn, by the name of its function in `sklearn.datasets`."""
    from sklearn import datasets  # a second of import, spent by these sets alone

    bunch = getattr(datasets, loader)(**({"scaled": False} if loader == "load_diabetes" else {}))
    if loader == "load_digits":
        # Ink is counted from 0 to 16. As bytes these are pictures like all others, and scaled as such: by
        # deviations, a pixel that is nearly always blank would reach 36 of them.
        x = (bunch.images * (255 / 16)).round().astype(np.uint8)
        return Source(name=name, train=Pairs(x, bunch.target), classes=published.DIGITS)
    features = tuple(map(str, bunch.feature_names))
    if "target_names" not in bunch:
        return Source(name=name, train=Pairs(bunch.data, bunch.target.reshape(-1, 1)), features=features)
    classes = tuple(map(str, bunch.target_names))
    return Source(name=name, train=Pairs(bunch.data, bunch.target), classes=classes, features=features)


def generated(
    name: str,
    seed: int,
    *,
    draw: Callable[[np.random.Generator], synthetic.Sample],
    classes: tuple[str, ...],
    features: tuple[str, ...] | None = ("x", "y"),
    sequence: str | None = None,
) -> Source:
    """A synthetic set, drawn from the stream "data"."""
    train = Pairs(*draw(stream(seed, "data")))
    return Source(name=name, train=train, classes=classes, features=features, sequence=sequence)


_UCI = "UCI Machine Learning Repository, with scikit-learn"
_DIGITS = {"mirrored": "a 2 is read as a 5", "upended": "a 6 is a 9"}
_LETTERS = {"mirrored": "a character is another or none", "upended": "a character is another or none"}
_GENERATED = {"origin": "generated from data.seed", "licence": "none needed"}

SETS: dict[str, Entry] = {
    "mnist": Entry(
        about="handwritten digits",
        rows=70_000,
        shape=(28, 28),
        origin="LeCun, Cortes & Burges, shipped inside",
        licence="CC BY-SA 3.0",
        open=shipped_mnist,
        **_DIGITS,
    ),
    "fashion-mnist": Entry(
        about="pictures of clothes, a harder MNIST",
        rows=70_000,
        shape=(28, 28),
        origin="Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747, fetched (31 MB)",
        licence="MIT",
        open=partial(fetched_idx, remote=published.FASHION_MNIST, classes=published.CLOTHES),
    ),
    "kmnist": Entry(
        about="handwritten cursive Japanese characters",
        rows=70_000,
        shape=(28, 28),
        origin="Clanuwat et al. 2018, arXiv:1812.01718, fetched (21 MB)",
        licence="CC BY-SA 4.0",
        open=partial(fetched_idx, remote=published.KMNIST, classes=published.KANA),
        **_LETTERS,
    ),
    "cifar-10": Entry(
        about="small colour pictures of animals and vehicles",
        rows=60_000,
        shape=(3, 32, 32),
        origin="Krizhevsky 2009, Learning Multiple Layers of Features, fetched (170 MB)",
        licence="not stated",
        open=partial(fetched_cifar, remote=published.CIFAR_10, classes=published.THINGS),
    ),
    "digits": Entry(
        about="handwritten digits, small and coarse: 17 levels of grey",
        rows=1797,
        shape=(8, 8),
        origin=_UCI,
        licence="CC BY 4.0",
        open=partial(from_sklearn, loader="load_digits"),
        **_DIGITS,
    ),
    "iris": Entry(
        about="three species of iris, by length and width of petals and sepals",
        rows=150,
        shape=(4,),
        origin=_UCI,
        licence="CC BY 4.0",
        open=partial(from_sklearn, loader="load_iris"),
    ),
    "wine": Entry(
        about="three growers of wine, by chemical analysis",
        rows=178,
        shape=(13,),
        origin=_UCI,
        licence="CC BY 4.0",
        open=partial(from_sklearn, loader="load_wine"),
    ),
    "breast-cancer": Entry(
        about="malignant or benign, by the shape of cell nuclei",
        rows=569,
        shape=(30,),
        origin=_UCI,
        licence="CC BY 4.0",
        open=partial(from_sklearn, loader="load_breast_cancer"),
    ),
    "diabetes": Entry(
        about="progression of diabetes after one year, by age, sex, body and blood",
        task="regression",
        rows=442,
        shape=(10,),
        origin="Efron et al. 2004, doi:10.1214/009053604000000067, with scikit-learn",
        licence="not stated",
        open=partial(from_sklearn, loader="load_diabetes"),
    ),
    "sum-intervals": Entry(
        about="784 normal features; the class is the interval that their sum falls in",
        rows=10_000,
        shape=(784,),
        **_GENERATED,
        open=partial(generated, draw=synthetic.sum_intervals, classes=synthetic.interval_names(), features=None),
    ),
    "blobs": Entry(
        about="three overlapping clouds in the plane",
        rows=1000,
        shape=(2,),
        **_GENERATED,
        open=partial(generated, draw=synthetic.blobs, classes=("0", "1", "2")),
    ),
    "circles": Entry(
        about="a circle inside a circle",
        rows=1000,
        shape=(2,),
        **_GENERATED,
        open=partial(generated, draw=synthetic.circles, classes=("outer", "inner")),
    ),
    "moons": Entry(
        about="two interleaved half circles",
        rows=1000,
        shape=(2,),
        **_GENERATED,
        open=partial(generated, draw=synthetic.moons, classes=("upper", "lower")),
    ),
    "pulses": Entry(
        about="whether a pulse up or a pulse down comes first, in a noisy signal of 8 to 24 steps",
        rows=2000,
        shape=(24, 1),
        **_GENERATED,
        open=partial(
            generated,
            draw=synthetic.pulses,
            classes=("up first", "down first"),
            features=None,
            sequence=LENGTHS,
        ),
    ),
    "xor": Entry(
        about="whether two coordinates differ in sign, which no linear model can tell",
        rows=1000,
        shape=(2,),
        **_GENERATED,
        open=partial(generated, draw=synthetic.xor, classes=("same", "different")),
    ),
}
