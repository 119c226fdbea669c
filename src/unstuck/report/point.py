"""A critical point in words: the verdict first, then what was measured."""

from typing import Any

from unstuck.landscape.point import Point
from unstuck.recipe.optimizer import Optimizer, Sgd
from unstuck.training.folder import finite


def told(point: Point, optimizer: Optimizer | None) -> str:
    """The verdict with its reason, the gradient, the curvatures with their bounds, and what rate they allow."""
    low, high = point.smallest, point.largest
    lines = [
        f"{point.kind}: {point.reason}",
        f"loss {point.loss:.6g}, gradient norm {point.gradient_norm:.3g}",
        f"smallest curvature {low.mean:.4g} [{low.low:.4g}, {low.high:.4g}], "
        f"largest {high.mean:.4g} [{high.low:.4g}, {high.high:.4g}]; {point.products} Hessian products",
    ]
    if point.largest.mean > 0:
        rate = f"the recipe's is {optimizer.lr:g}" if isinstance(optimizer, Sgd) else "for plain gradient descent"
        lines.append(f"stable up to a rate of 2 / {high.mean:.3g} = {point.highest_stable_rate:.3g}; {rate}")
    if escape := point.escape:
        lines.append(
            f"a step of {escape.length:.3g} down the saddle takes the loss from {escape.before:.6g} to "
            f"{escape.after:.6g}"
        )
    return "\n".join(lines)


def as_json(point: Point) -> dict[str, Any]:
    """The same as plain data; numbers that are not finite are null."""
    numbers = {"loss": point.loss, "gradient_norm": point.gradient_norm, "gain": point.gain}
    ends = {"smallest": point.smallest._asdict(), "largest": point.largest._asdict()}
    escape = {"before": point.escape.before, "after": point.escape.after} if point.escape else {}
    return {"kind": point.kind, "reason": point.reason, **finite({**numbers, **ends, "escape": escape})}
