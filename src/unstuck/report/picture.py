"""Arrays as pictures: examples become bytes of red, green and blue, and many become one mosaic."""

import numpy as np

# Of a sequence's features, told apart by all kinds of sight: Okabe & Ito 2008, as the charts' colours are.
_COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether one example of this shape can be looked at: (H, W), (1, H, W) or (3, H, W)."""
    return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


def pixels(examples: np.ndarray) -> np.ndarray:
    """Examples as bytes of red, green and blue.

    Bytes are shown as they are. Other numbers are stretched from their least to their largest finite value to
    0 to 255, by one scale for all examples, so that their brightness can be compared; where not finite, black.

    Shapes: (N, H, W), (N, 1, H, W) or (N, 3, H, W) -> (N, H, W, 3) uint8.
    """
    grey = examples.ndim == 3
    channels = examples[..., None] if grey else np.moveaxis(examples, 1, -1)  # (N, H, W, 1 or 3)
    return np.broadcast_to(_bytes(channels), (*channels.shape[:3], 3))


def _bytes(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    finite = np.isfinite(values)
    known = values[finite].astype(np.float64)
    if not known.size or known.min() == known.max():
        return np.where(finite, 127, 0).astype(np.uint8)
    # Halved before they are subtracted: the distance of two float64 numbers may be no float64 number.
    half_span = known.max() / 2 - known.min() / 2
    shares = (np.where(finite, values, known.min()) / 2 - known.min() / 2) / half_span
    return np.where(finite, np.round(255 * shares), 0).astype(np.uint8)


def fitted(tiles: np.ndarray, side: int) -> np.ndarray:
    """The tiles resized by a whole factor, so that no pixel is wider than its neighbour.

    Small ones grow by repetition to at most `side` pixels; larger ones shrink by block means until they fit.

    Shapes: (N, H, W, 3) uint8 -> (N, h, w, 3) uint8 with h, w <= side.
    """
    count, height, width, _ = tiles.shape
    longest = max(height, width)
    if longest <= side:
        zoom = side // longest
        return tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    block = -(-longest // side)
    tall, wide = max(height // block, 1), max(width // block, 1)
    high, broad = min(block, height), min(block, width)
    cut = tiles[:, : tall * high, : wide * broad].reshape(count, tall, high, wide, broad, 3)
    return cut.mean(axis=(2, 4)).astype(np.uint8)


def mosaic(tiles: np.ndarray, columns: int, gap: tuple[int, int]) -> np.ndarray:
    """All tiles in one white picture, row by row: one image draws many times faster than many axes.

    Shapes: (N, h, w, 3) uint8 -> (R·(h + gap[0]), columns·(w + gap[1]), 3) uint8, each tile at the top left of
    its cell; gap is in pixels.
    """
    count, height, width, _ = tiles.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + gap[0], width + gap[1], 3), 255, np.uint8)
    cells[:count, :height, :width] = tiles
    grid = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)  # (R, h, columns, w, 3)
    return grid.reshape(rows * cells.shape[1], columns * cells.shape[2], 3)


def curves(sequences: np.ndarray, side: int = 64) -> np.ndarray:
    """Sequences as pictures of their features over the steps, in colours, by one scale for all of a feature.

    Each goes as far as its own end, of the width that the longest fills.

    Shapes: (N, T, F), NaN after the end -> (N, 3, side, side) uint8; features beyond the colours are not drawn.
    """
    shown = np.asarray(sequences, np.float64)[:, :, : len(_COLOURS)]
    least, most = (extreme(shown, axis=(0, 1)) for extreme in (np.nanmin, np.nanmax))
    heights = (shown - least) / np.where(most > least, most - least, 1)
    across = np.linspace(0, shown.shape[1] - 1, side)
    pictures = np.full((len(shown), side, side, 3), 255, np.uint8)
    for picture, sequence in zip(pictures, heights, strict=True):
        steps = int((~np.isnan(sequence[:, 0])).sum())
        for colour, height in zip(_COLOURS, sequence.T, strict=False):
            places = across[across <= max(steps - 1, 0.5)]
            down = (
                (side - 1 - np.interp(places, np.arange(steps), height[:steps]) * (side - 1)).round().astype(int)
            )
            before = np.concatenate([down[:1], down[:-1]])
            for column, (top, bottom) in enumerate(np.sort(np.stack([before, down], axis=1), axis=1)):
                picture[top : bottom + 1, column] = colour
    return np.moveaxis(pictures, -1, 1)
