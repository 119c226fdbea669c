"""Photographs, drawings and scans of MNIST's test digits, of known content, for the tests of the intake."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

HEIGHT, WIDTH = 400, 300


def digit(pixels, times=7):
    """A picture of MNIST enlarged, as shares of ink (H, W)."""
    side = len(pixels) * times
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)) / 255


def hairline(pixels):
    """The middle lines of the digit's strokes, a few pixels broad."""
    inside = ndimage.distance_transform_edt(digit(pixels) > 0.5)
    # A pixel of slack, since the ridge of whole pixels has gaps.
    ridge = (inside > 1) & (inside >= ndimage.maximum_filter(inside, 5) - 1)
    return (1 - ndimage.distance_transform_edt(~ridge)).clip(0, 1)


def somewhere(ink, generator):
    """Ink on a sheet of 400 x 300, anywhere."""
    sheet = np.zeros((HEIGHT, WIDTH))
    top, left = (
        generator.integers(0, side - length + 1) for side, length in zip(sheet.shape, ink.shape, strict=True)
    )
    sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return sheet


def slope(generator):
    """Light that falls off by up to a third across the sheet."""
    y, x = np.mgrid[0:1:400j, 0:1:300j]
    angle = generator.uniform(0, 2 * np.pi)
    light = np.cos(angle) * x + np.sin(angle) * y
    return 1 - 0.35 * (light - light.min()) / np.ptp(light)


def grain(generator, deviation):
    return generator.normal(0, deviation, (HEIGHT, WIDTH))


def clean(pixels, generator):
    return 255 * (1 - somewhere(digit(pixels), generator))


def lit(pixels, generator):
    return 245 * slope(generator) * (1 - 0.8 * somewhere(digit(pixels), generator)) + grain(generator, 6)


def pencil(pixels, generator):
    return 235 * slope(generator) * (1 - 0.3 * somewhere(digit(pixels), generator)) + grain(generator, 5)


def blackboard(pixels, generator):
    return 40 + 180 * slope(generator) * somewhere(digit(pixels), generator) + grain(generator, 6)


def coarse(pixels, generator):
    return 230 * slope(generator) * (1 - 0.7 * somewhere(digit(pixels), generator)) + grain(generator, 25)


def dusty(pixels, generator):
    sheet = lit(pixels, generator)
    for top, left in generator.integers(0, (HEIGHT - 4, WIDTH - 4), (8, 2)):
        sheet[top : top + 4, left : left + 4] -= 120
    return sheet


def shadowed(pixels, generator):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = ndimage.gaussian_filter(np.where(0.7 * y + x > 300, 0.7, 1.0), 6)
    return 240 * light * (1 - 0.8 * somewhere(digit(pixels), generator)) + grain(generator, 4)


def on_a_desk(pixels, generator):
    desk = np.full((HEIGHT + 100, WIDTH + 100), 60.0)
    desk[50:-50, 50:-50] = clean(pixels, generator) * 0.9
    return desk + generator.normal(0, 4, desk.shape)


def drawn_thin(pixels, generator):
    return 255 * (1 - somewhere(hairline(pixels), generator))


def cut_close(pixels, generator):
    ink = digit(pixels)
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.1) for axis in (1, 0))
    return 255 * (1 - 0.85 * np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 4))


SCENES = {
    "clean.png": clean,
    "lit.png": lit,
    "lit.jpg": lit,
    "lit_1bit.png": lit,
    "lit_rgb.png": lit,
    "clean_rgba.png": clean,
    "pencil.jpg": pencil,
    "blackboard.png": blackboard,
    "coarse.png": coarse,
    "dusty.png": dusty,
    "shadowed.jpg": shadowed,
    "desk.png": on_a_desk,
    "thin.png": drawn_thin,
    "close.png": cut_close,
}
"""File name, which says the mode to save in, and what draws it."""


def as_bytes(levels):
    return levels.clip(0, 255).round().astype(np.uint8)


def save(folder: Path, name, pixels, seed):
    """One scene of a digit as a file."""
    grey = Image.fromarray(as_bytes(SCENES[name](pixels, np.random.default_rng(seed))))
    path = folder / f"{seed}_{name}"
    if "1bit" in name:
        grey = grey.convert("1")  # dithered
    elif "rgba" in name:
        black = Image.new("L", grey.size)
        grey = Image.merge("RGBA", (black, black, black, Image.eval(grey, lambda level: 255 - level)))
    elif "rgb" in name:
        grey = Image.merge(
            "RGB", [grey.point(lambda level, share=share: level * share) for share in (1, 0.95, 0.8)]
        )
    grey.save(path, **({"quality": 75} if path.suffix == ".jpg" else {}))
    return path
