"""A critical point in words: the verdict first, then what was measured."""

from typing import Any

import numpy as np

from unstuck.landscape.point import Point
from unstuck.landscape.stability import edge
from unstuck.landscape.survey import Spectrum
from unstuck.recipe.optimizer import Optimizer
from unstuck.training.folder import finite

_DECADES = np.array([-1, -0.1, -0.01, -0.001, 0.001, 0.01, 0.1, 1])  # of the largest magnitude
_WIDTH = 40  # of the longest bar, in characters


def told(point: Point, optimizer: Optimizer | None) -> str:
    """The verdict with its reason, the gradient, the curvatures with their bounds, and what rate they allow."""
    low, high = point.smallest, point.largest
    lines = [
        f"{point.kind}: {point.reason}",
        f"loss {point.loss:.6g}, gradient norm {point.gradient_norm:.3g}",
        f"smallest curvature {low.mean:.4g} [{low.low:.4g}, {low.high:.4g}], "
        f"largest {high.mean:.4g} [{high.low:.4g}, {high.high:.4g}]; {point.products} Hessian products",
    ]
    if high.mean > 0:
        lines.append(_rate(point, optimizer))
    if escape := point.escape:
        lines.append(
            f"a step of {escape.length:.3g} down the saddle takes the loss from {escape.before:.6g} to "
            f"{escape.after:.6g}"
        )
    if point.spectrum:
        lines += _spectrum(point, point.spectrum)
    return "\n".join(lines)


def _rate(point: Point, optimizer: Optimizer | None) -> str:
    """Whether the recipe's peak rate is stable here, where that can be told."""
    sharpness = point.largest
    allowed = f"plain gradient descent is stable up to a rate of 2 / {sharpness.mean:.3g} = "
    allowed += f"{point.highest_stable_rate:.3g}"
    if optimizer is None:
        return allowed
    if (limit := edge(sharpness, optimizer)) is None:
        return f"{allowed}; {optimizer.name} scales each weight's step, and its limit is another"
    where = {True: "below", False: "above", None: "within its error of"}[limit.is_below]
    means = {True: "stable here", False: "beyond the edge of stability", None: "at the edge of stability"}
    said = f"the largest curvature is {where} {limit.formula} = {limit.limit:.3g}"
    return f"{said}: {optimizer.name} at its peak rate {optimizer.lr:g} is {means[limit.is_below]}"


def _spectrum(point: Point, spectrum: Spectrum) -> list[str]:
    """Trace, the Gauss–Newton's largest, and a bar for each decade of the density."""
    reach = max(abs(point.smallest.mean), abs(point.largest.mean), np.abs(spectrum.density.places).max())
    edges, trace, top = reach * _DECADES, spectrum.trace, spectrum.gauss_newton
    lines = [
        f"trace {trace.mean:.4g} ± {trace.high - trace.mean:.2g}, "
        f"largest of Gauss–Newton {top.mean:.4g} [{top.low:.4g}, {top.high:.4g}]",
        "share of the curvatures from … to",
    ]
    for low, high, share in zip(edges, edges[1:], spectrum.shares(edges), strict=False):
        bar = "█" * round(_WIDTH * share) or ("▏" if share else "")
        lines.append(f"{low:>10.2g} … {high:<8.2g} {share:>9.4%}  {bar}".rstrip())
    return lines


def as_json(point: Point, optimizer: Optimizer | None = None) -> dict[str, Any]:
    """The same as plain data; numbers that are not finite are null."""
    numbers = {"loss": point.loss, "gradient_norm": point.gradient_norm, "gain": point.gain}
    ends = {"smallest": point.smallest._asdict(), "largest": point.largest._asdict()}
    escape = {"before": point.escape.before, "after": point.escape.after} if point.escape else {}
    said = {"kind": point.kind, "reason": point.reason, **finite({**numbers, **ends, "escape": escape})}
    if optimizer and (limit := edge(point.largest, optimizer)):
        said["stability"] = {"formula": limit.formula, "limit": limit.limit, "is_below": limit.is_below}
    if spectrum := point.spectrum:
        density = {"places": spectrum.density.places.tolist(), "shares": spectrum.density.shares.tolist()}
        top = spectrum.gauss_newton._asdict()
        said["spectrum"] = {"trace": spectrum.trace._asdict(), "gauss_newton": top, "density": density}
    return said
