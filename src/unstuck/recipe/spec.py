"""The recipe: everything a training needs, as plain frozen data whose fields check themselves.

Parts that come in kinds (`optimizer`, `schedule`, `model.initializer`) are told apart by their `name`, and
each kind has its own fields and defaults. A bare string stands for a part with that name.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from unstuck.errors import RecipeError
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, canonical
from unstuck.recipe.problem import UnknownKeyError, reworded

Activation = Literal["identity", "sigmoid", "tanh", "relu", "leaky-relu"]
Output = Literal["auto", "identity", "sigmoid", "tanh", "relu", "leaky-relu", "softmax"]
EngineName = Literal["auto", "dense", "torch"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def _widths(value: Any) -> Any:
    """TOML knows lists, frozen data needs tuples, and one layer may be given as one number."""
    return tuple(value) if isinstance(value, list) else (value,) if type(value) is int else value


def _words(value: Any) -> Any:
    """TOML knows lists, frozen data needs tuples, and one word may be given bare."""
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value


def _named(default: str | None = None) -> BeforeValidator:
    """`"adam"` stands for `{ name = "adam" }`, and a table without a name is of the default kind."""

    def part(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": canonical(value)}
        if isinstance(value, dict) and ("name" in value or default):
            return {**value, "name": canonical(value.get("name", default))}
        return value

    return BeforeValidator(part)


Canonical = BeforeValidator(canonical)
Pair = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)


class Part(BaseModel):
    """A table of the recipe: frozen, exact in its types, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, table: Any) -> Any:
        unknown = [key for key in table if key not in cls.model_fields] if isinstance(table, dict) else []
        if unknown:
            raise UnknownKeyError(unknown[0], cls.model_fields)
        return table


class Data(Part):
    """What to learn from: a data set by name or by path, and how it is split and scaled."""

    name: Annotated[str | None, Canonical] = None
    """A data set of the catalogue; `unstuck list data` shows them."""
    path: str | None = None
    """A folder of class folders, a .csv, .parquet or .npz file, or a folder with the four IDX files."""
    target: str | None = None
    """The column (CSV, Parquet) or array (NPZ) to predict."""
    ignore: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    """Columns (CSV, Parquet) that are no inputs: row numbers, names, what is known only afterwards."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """auto: classes are words, whole numbers that label pictures, and whole numbers of at most 20 kinds."""
    validation: Fraction = 0.1
    """Share of the training rows held out to choose by, in [0, 1)."""
    test: Fraction = 0.2
    """Share of all rows kept for the final score, in [0, 1), where the set brings no test rows of its own."""
    rows: Annotated[int, Field(gt=0)] | None = None
    """Train on so many rows only, drawn by class; nothing: on all."""
    scaling: Literal["auto", "none", "unit", "standard"] = "auto"
    """unit: bytes to [0, 1]; standard: each feature to mean 0 and deviation 1, fitted on the training rows;
    auto: unit for bytes, standard for other numbers."""
    target_scaling: Literal["auto", "none", "standard"] = "auto"
    """The same for numbers to predict; auto: standard. Predictions and scores are in the original unit."""
    size: Annotated[tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None, Pair] = None
    """Height and width, in pixels, that an image folder's pictures are resized to; nothing: the commonest."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Draws the splits and the generated sets; apart from the recipe's seed, so that seeds share their data."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.path is None):
            got = {"name": self.name, "path": self.path}
            raise RecipeError("data", "have either a name or a path", got, hint='Try data = "mnist".')
        return self


class Scaled(Part):
    """An initializer that suits its variance to the layer's width; `network/initial.py` has formula and paper."""

    name: Literal[
        "torch",
        "xavier-uniform",
        "xavier-normal",
        "he-uniform",
        "he-normal",
        "lecun-uniform",
        "lecun-normal",
    ] = "torch"


class Uniform(Part):
    """Weights from U(-bound, bound), biases 0."""

    name: Literal["uniform"] = "uniform"
    bound: Positive = 0.05
    """Half the width of the interval. 0.05 is what Keras means by uniform."""


class Normal(Part):
    """Weights from N(0, std²), biases 0."""

    name: Literal["normal"] = "normal"
    std: Positive = 0.05
    """Standard deviation. 0.05 is what Keras means by normal."""


class Constant(Part):
    """Every weight the same, biases 0: the start that never breaks the symmetry, to learn from."""

    name: Literal["constant"] = "constant"
    value: float = 0.0
    """The weight."""


Initializer = Annotated[Scaled | Uniform | Normal | Constant, Field(discriminator="name"), _named("torch")]


class Mlp(Part):
    """A multi-layer perceptron: fully connected layers, each followed by its activation."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_widths)] = (128, 64)
    """Widths of the hidden layers, in units; none makes a linear model."""
    activation: Annotated[Activation, Canonical] = "relu"
    """After each hidden layer."""
    slope: Fraction = 0.01
    """Slope of leaky-relu below zero, in [0, 1)."""
    normalization: Annotated[Literal["none", "layer"], Canonical] = "none"
    """Normalization of each hidden layer."""
    normalization_place: Literal["before", "after"] = "before"
    """Whether normalization stands before or after the activation."""
    dropout: Fraction = 0.0
    """Share of the hidden units dropped in training, in [0, 1)."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled()
    """How weights start."""


class Loss(Part):
    """What is minimized, as a mean over the batch (and the outputs, for bce and mse)."""

    name: Annotated[Literal["auto", "cross-entropy", "bce", "mse"], Canonical] = "auto"
    """auto: cross-entropy for classes, mse for numbers. With classes, bce and mse compare to one-hot targets."""


class Sgd(Part):
    """Gradient descent on batches: w ← w - lr · g."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""
    weight_decay: NotNegative = 0.0
    """L2: adds weight_decay · w to the gradient."""


class Momentum(Part):
    """Heavy ball: v ← momentum · v + g, w ← w - lr · v."""

    name: Literal["momentum"] = "momentum"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""
    momentum: Fraction = 0.9
    """Share of the velocity kept at each step, in [0, 1)."""
    weight_decay: NotNegative = 0.0
    """L2: adds weight_decay · w to the gradient."""


class Nesterov(Part):
    """Momentum that looks ahead: v ← momentum · v + g, w ← w - lr · (g + momentum · v)."""

    name: Literal["nesterov"] = "nesterov"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""
    momentum: Fraction = 0.9
    """Share of the velocity kept at each step, in [0, 1)."""
    weight_decay: NotNegative = 0.0
    """L2: adds weight_decay · w to the gradient."""


class Adam(Part):
    """Adam, Kingma & Ba 2015, arXiv:1412.6980: steps scaled by running moments of the gradient."""

    name: Literal["adam"] = "adam"
    lr: Positive = 0.002
    """Peak learning rate; over the usual schedule, half a cosine, its mean is Adam's usual 0.001."""
    beta1: Fraction = 0.9
    """Memory of the mean of the gradient, in [0, 1)."""
    beta2: Fraction = 0.999
    """Memory of its square, in [0, 1)."""
    eps: Positive = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NotNegative = 0.0
    """L2: adds weight_decay · w to the gradient."""


Optimizer = Annotated[Sgd | Momentum | Nesterov | Adam, Field(discriminator="name"), _named("adam")]


class ConstantRate(Part):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"
    warmup: NotNegative = 0.0
    """Epochs in which the rate rises linearly from zero."""


class StepRate(Part):
    """The rate times gamma after every so many epochs."""

    name: Literal["step"] = "step"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor, in (0, 1]."""
    every: Annotated[int, Field(gt=0)] = 10
    """Epochs between two drops."""
    warmup: NotNegative = 0.0
    """Epochs in which the rate rises linearly from zero."""


class ExponentialRate(Part):
    """The rate times gamma after every epoch."""

    name: Literal["exponential"] = "exponential"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Factor, in (0, 1]."""
    warmup: NotNegative = 0.0
    """Epochs in which the rate rises linearly from zero."""


class CosineRate(Part):
    """The rate falls along half a cosine, Loshchilov & Hutter 2017, arXiv:1608.03983."""

    name: Literal["cosine"] = "cosine"
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the peak rate at the end, in [0, 1]."""
    warmup: NotNegative = 0.0
    """Epochs in which the rate rises linearly from zero."""


Schedule = Annotated[
    ConstantRate | StepRate | ExponentialRate | CosineRate, Field(discriminator="name"), _named("cosine")
]


class Recipe(Part):
    """Everything a run needs. Its fields are the keys of the TOML file and the flags of the command line."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Draws weights, order of the batches, dropout; 0 or more."""
    epochs: Annotated[int, Field(gt=0)] = 5
    """Times that every training row is seen."""
    batch_size: Annotated[int, Field(gt=0)] = 32
    """Rows per step."""
    engine: Annotated[EngineName, Canonical] = "auto"
    """auto: dense where it can train the recipe, else torch."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the torch engine trains; auto: on a GPU if there is one. Dense knows the processor alone."""
    threads: Annotated[int, Field(gt=0)] = 1
    """Processor threads of the torch engine. More than one slow a small network down."""
    keep: Literal["auto", "best", "last"] = "auto"
    """Weights that are scored: of the best validation loss, or the last; auto: best if rows are held out."""
    data: Annotated[Data, _named()]
    model: Annotated[Mlp, _named("mlp")] = Mlp()
    loss: Annotated[Loss, _named("auto")] = Loss()
    optimizer: Optimizer = Adam()
    schedule: Schedule = CosineRate()

    def __init__(self, **table: Any) -> None:
        try:
            super().__init__(**table)
        except ValidationError as error:
            raise reworded(error, table) from None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        expected = {"cross-entropy": "softmax", "bce": "sigmoid"}.get(self.loss.name)
        if expected and self.model.output not in ("auto", expected):
            raise RecipeError(
                "model.output",
                f"be {expected} (or auto) before the loss {self.loss.name}",
                self.model.output,
                hint=f"{self.loss.name.capitalize()} reads the output as a {expected}'s; mse takes any output.",
            )
        if self.keep == "best" and self.data.validation == 0:
            raise RecipeError(
                "keep",
                "be auto or last where no rows are held out",
                "best",
                hint="Set data.validation above 0 to choose by it.",
            )
        if self.schedule.warmup > self.epochs:
            raise RecipeError("schedule.warmup", f"be at most epochs ({self.epochs})", self.schedule.warmup)
        return self

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The recipe in a TOML file; a bad one is a `RecipeError` that names file, key and value."""
        return file.read(cls, Path(path))

    def edit(self, path: str, to: object) -> Self:
        """A new recipe with one field changed, as `Edit(path, to)` does."""
        return Edit(path, to)(self)
