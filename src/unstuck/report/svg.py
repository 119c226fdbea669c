"""Painters of a diagnosis's pictures as SVG within a page, whose style sheet knows light and dark."""

import html
import math
import textwrap
from collections.abc import Callable, Iterator

import numpy as np

from unstuck.report.view.pictured import Bars, Gains, Lines, Pairs

WIDTH = 400
"""In the picture's own units, of which a letter is 11 high: a phone shows them at nearly their size."""
_LEFT, _RIGHT, _HIGH = 44, 8, 190
_LETTERS = 62  # of a row's name that the width has room for
_NAMED = 21  # of a layer's name beside its bar

Place = Callable[[float], float]


def lines(view: Lines) -> str:
    """A curve per seed over steps or epochs."""
    last = max((float(x[-1]) for x, _ in view.curves if len(x)), default=1.0)
    first = min((float(x[0]) for x, _ in view.curves if len(x)), default=0.0)
    across = _scale((first, max(last, first + 1)), _LEFT, WIDTH - _RIGHT)
    up = _scale(view.span, _HIGH - 24, 8, logarithmic=view.is_logarithmic)
    parts = [
        _rule(_LEFT, up(tick), WIDTH - _RIGHT, up(tick)) + _text(_LEFT - 5, up(tick) + 4, _tick(tick), "end")
        for tick in ticks(view.span, logarithmic=view.is_logarithmic)
    ]
    low, high = view.span
    for x, y in view.curves:
        shown = np.where(np.isfinite(y), np.clip(y, low, high), np.nan)
        parts.append(f'<path class="curve" d="{_path(x, shown, across, up)}"/>')
        if (cross := _ends_early(x, y)) is not None:
            parts.append(_cross(across(float(x[cross])), up(float(shown[cross]))))
    parts.append(_text(_LEFT, _HIGH - 6, _tick(first), "middle"))
    parts.append(_text(WIDTH - _RIGHT, _HIGH - 6, f"{view.across} {_tick(last)}", "end"))
    return _svg(_HIGH, view.title, parts)


def bars(view: Bars) -> str:
    """A row per layer: a bar from zero, or a dot where the scale is logarithmic; hollow after training."""
    row, left = 19, 138
    height = row * len(view.names) + 26
    across = _scale(view.span, left, WIDTH - 50, logarithmic=view.is_logarithmic)
    parts: list[str] = []
    for place, name in enumerate(view.names):
        y = row * place + 14
        parts.append(_text(left - 6, y + 4, name, "end", most=_NAMED))
        parts.append(_rule(left, y, WIDTH - 50, y))
        start = float(view.start[place])
        if math.isfinite(start) and (start > 0 or not view.is_logarithmic):
            end = across(start)
            if not view.is_logarithmic:
                parts.append(f'<path class="bar" d="M{left},{y - 5} h{max(end - left, 0):.1f} v10 H{left} z"/>')
            else:
                parts.append(_dot(end, y, "dot"))
        after = math.nan if view.end is None else float(view.end[place])
        if math.isfinite(after) and (after > 0 or not view.is_logarithmic):
            parts.append(_dot(across(after), y, "hollow"))
        parts.append(_text(WIDTH - 44, y + 4, _tick(start), "start"))
    ends = "logarithmic" if view.is_logarithmic else "from 0"
    parts.append(_text(left, height - 4, f"{view.unit}, {ends}".lstrip(", "), "start", "muted"))
    return _svg(height, view.title, parts)


def gains(view: Gains) -> str:
    """A row per change: its whole name, below it the seeds' gains, their mean, the interval if there is one."""
    line, y = 13, -8
    across = _scale(view.span, 8, WIDTH - 8)
    parts: list[str] = []
    for gain in view.rows:
        kind = "good" if gain.helps else "none"
        said = textwrap.wrap(gain.name, _LETTERS)
        for place, words in enumerate(said):
            parts.append(_text(8, y + 26 + line * place, words, "start", "" if gain.helps else "muted"))
        y += 23 + line * len(said)
        parts += [_rule(8, y, WIDTH - 8, y), f'<path class="zero" d="M{across(0):.1f},{y - 7} v14"/>']
        if math.isfinite(gain.low) and math.isfinite(gain.high):
            low, high = (across(min(max(end, view.span[0]), view.span[1])) for end in (gain.low, gain.high))
            parts.append(f'<path class="interval {kind}" d="M{low:.1f},{y} H{high:.1f}"/>')
        parts += [_dot(across(one), y, f"seed {kind}", 3) for one in gain.gains if math.isfinite(one)]
        if math.isfinite(gain.mean):
            x = across(gain.mean)
            parts.append(f'<path class="mean {kind}" d="M{x:.1f},{y - 6} V{y + 6}"/>')
    height = y + 32
    for tick in ticks(view.span):
        parts.append(_text(across(tick), height - 4, f"{tick:+g}" if tick else "0", "middle", "muted"))
    return _svg(height, view.title, parts)


def pairs(view: Pairs) -> str:
    """A row per seed: hollow before, filled after, and the way between them."""
    row, left = 22, 56
    height = row * len(view.before) + 26
    across = _scale(view.span, left, WIDTH - 14)
    parts: list[str] = []
    for place, before in enumerate(view.before):
        y = row * place + 12
        parts.append(_text(left - 12, y + 4, f"seed {place + 1}", "end"))
        parts.append(_rule(left, y, WIDTH - 14, y))
        after = view.after[place] if view.after else math.nan
        if math.isfinite(before) and math.isfinite(after):
            parts.append(f'<path class="way" d="M{across(before):.1f},{y} H{across(after):.1f}"/>')
        if math.isfinite(before):
            parts.append(_dot(across(before), y, "hollow" if view.after else "dot", 5))
        else:
            parts.append(_text(left, y + 4, "× failed", "start", "bad"))
        if math.isfinite(after):
            parts.append(_dot(across(after), y, "after", 5))
    for tick in ticks(view.span):
        parts.append(_text(across(tick), height - 4, f"{tick:g}", "middle", "muted"))
    return _svg(height, view.title, parts)


# scales


def ticks(span: tuple[float, float], *, logarithmic: bool = False) -> list[float]:
    """Round numbers within a span, about five; powers of ten on a logarithmic scale."""
    low, high = span
    if logarithmic:
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        step = max(1, math.ceil((last - first) / 5))
        return [10.0**power for power in range(first, last + 1, step)]
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return [round(step * count, 12) for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _scale(span: tuple[float, float], start: float, end: float, *, logarithmic: bool = False) -> Place:
    low, high = (math.log10(one) for one in span) if logarithmic else span

    def place(value: float) -> float:
        at = math.log10(max(value, 1e-300)) if logarithmic else value
        return start + (end - start) * (at - low) / (high - low)

    return place


def _path(x: np.ndarray, y: np.ndarray, across: Place, up: Place) -> str:
    """A line with a gap wherever there is no number."""
    steps: list[str] = []
    is_down = False
    for one, value in zip(x, y, strict=True):
        if math.isfinite(value):
            steps.append(f"{'L' if is_down else 'M'}{across(float(one)):.1f},{up(float(value)):.1f}")
        is_down = math.isfinite(value)
    return " ".join(steps)


def _ends_early(x: np.ndarray, y: np.ndarray) -> int | None:
    """Place of the last number of a curve that ends before the others do."""
    known = np.flatnonzero(np.isfinite(y))
    return int(known[-1]) if len(known) and known[-1] < len(x) - 1 else None


# marks


def _svg(height: float, title: str, parts: list[str] | Iterator[str]) -> str:
    said = html.escape(title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "", *, most: int = _LETTERS) -> str:
    """Of a longer text the middle is left out, and the whole of it is told where the mouse rests."""
    style = f' class="{kind}"' if kind else ""
    whole = f"<title>{html.escape(text)}</title>" if len(text) > most else ""
    shown = html.escape(_cut(text, most))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{whole}{shown}</text>'


def _rule(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path class="rule" d="M{x:.1f},{y:.1f} L{to_x:.1f},{to_y:.1f}"/>'


def _dot(x: float, y: float, kind: str, radius: float = 4) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="bad" d="M{x - 4:.1f},{y - 4:.1f} l8,8 m-8,0 l8,-8"/>'


def _tick(value: float) -> str:
    is_usual = value == 0 or 1e-3 <= abs(value) < 1e5
    return "–" if math.isnan(value) else f"{value:.3g}" if is_usual else f"{value:.0e}"


def _cut(text: str, most: int) -> str:
    """Names of layers differ at either end."""
    return text if len(text) <= most else f"{text[: most // 3]}…{text[-(most - most // 3 - 1) :]}"
