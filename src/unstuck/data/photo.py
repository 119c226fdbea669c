"""From a photograph, scan or drawing of any size to a picture like those that a network was trained on."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unstuck.data.paper import EDGE, Paper, breadth, measure
from unstuck.data.readers.images import opened, refuse_deep
from unstuck.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

_LARGEST = 1024  # pixels of the longer side that are worked on: 50 for each that MNIST's digits are long
_COARSE = 64  # pixels of the longer side on which the paper is fitted
_ROUNDS = 8  # of fitting the paper and leaving out what is not paper: half by the border, half by all
_PLANE = 3  # of the six terms of a paraboloid
_FAINTEST = 16 / 255  # contrast below which nothing was drawn. Ours: pencil has five times that
_CLEAR = 6.0  # deviations of the noise that ink must stand above; of 10⁶ pixels of noise the highest is at 5
_QUIET = 3.0  # deviations of the noise that are taken off
_SPECK = 1 / 50  # of the largest stroke's area, below which a spot is dirt. Ours: the dot on an i has 1/10
_SHRUNK = 0.5  # size of the new picture to the old, above which no line can be too thin
_THIN = 0.8  # of the usual breadth, below which lines are thickened. Ours: of hairlines drawn along the middle of
# 100 MNIST digits, a perceptron then recognises 95, without it 85; 3 nearest neighbours, 95 and 32
_SHADOW = 16  # levels that a border must be off an even slope, to be in a shadow with an edge
_SHADED = 0.2  # share of the border that is in it, or in the light
_SQUARE = 1 / 3  # of the longer side: broader than any stroke of a drawing that fills the picture
_RIM = 0.03  # of a sheet's shorter side, cut off with the blur around it
_SMALLEST = 8  # pixels of the shorter side of a sheet that can have lines on it
_RECTANGLE = 0.85  # of the box around it is filled by a sheet; the boldest 0 fills 0.8
_SAME = 0.08  # of the usual size, within which a drawing is left as large as it is: 1.5 of MNIST's 20 pixels
_FILTER = 2  # PIL's bilinear, which widens as pictures are made smaller, so that no pixel is passed over


class Frame(NamedTuple):
    """The part of a picture that becomes the new picture, in its pixels; it may reach beyond the picture."""

    top: float
    left: float
    bottom: float
    right: float


def read(path: Path) -> "Image.Image":
    """A picture upright and opaque, in grey (mode L) or colour (mode RGB)."""
    from PIL import ImageOps

    if not path.is_file():
        raise DataError(f"There is no picture {path}; name a file such as digit.png.")
    with opened(path) as image:
        refuse_deep(image.mode, path)
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            return _opaque(upright.convert("RGBA"))
        return upright.convert("L" if upright.mode in ("1", "L") else "RGB")


def _opaque(image: "Image.Image") -> "Image.Image":
    """On a ground that continues an opaque border, or else on black or white, whichever shows the drawing."""
    from PIL import Image

    grey, alpha = np.asarray(image.convert("L")), np.asarray(image.getchannel("A")) / 255
    ring = _ring(alpha.shape)
    if np.median(alpha[ring]) > 0.5:
        ground = int(np.median(grey[ring & (alpha > 0.5)]))
    else:
        ground = 255 if (grey * alpha).sum() < 127.5 * alpha.sum() else 0
    return Image.alpha_composite(Image.new("RGBA", image.size, (ground,) * 3 + (255,)), image).convert("RGB")


def resized(image: "Image.Image", shape: tuple[int, ...]) -> np.ndarray:
    """A picture stretched to `shape`, (H, W) or (3, H, W), as readers of image folders do: nothing is cut off."""
    from PIL import Image

    height, width = shape[-2:]
    image = image.convert("L" if len(shape) == 2 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels if len(shape) == 2 else pixels.transpose(2, 0, 1)


def redrawn(image: "Image.Image", shape: tuple[int, ...], paper: Paper, path: Path) -> np.ndarray:
    """A picture as if drawn on the training pictures' paper: levels (H, W) uint8.

    One that is like them already is only resized. Of others the paper is taken off, dark on light or light on
    dark, contrast and thin strokes are strengthened, and the drawing is put to the usual size and place.

    Source: "fit in a 20x20 pixel box while preserving their aspect ratio … by computing the center of mass",
        LeCun et al. 1998, doi:10.1109/5.726791, of MNIST; the numbers are those of the training pictures.
    """
    height, width = shape
    plain = resized(image, shape)
    if abs(image.width * height / (image.height * width) - 1) < 0.05 and paper.fits(plain.astype(np.float32)):
        return plain
    image = image.convert("L")
    image.thumbnail((_LARGEST, _LARGEST))
    ink = _drawing(np.asarray(image, dtype=np.float32), paper, path)
    ink = _thickened(ink, paper) if paper.lined else ink
    small = _sampled(ink, _place(ink, shape, paper), shape)
    return paper.levels(small / small.max()).round().astype(np.uint8)


def _drawing(levels: np.ndarray, paper: Paper, path: Path) -> np.ndarray:
    """How much ink of the drawing there is on each pixel, in [0, 1], (H, W) or a part of it."""
    from scipy import ndimage

    ink = _ink(levels, paper.lined)
    if ink is None:
        raise DataError(f"{path} is blank: nothing on it stands out from its background.")
    if not paper.lined or _breadth(ink, paper) <= paper.stroke.high:
        return ink
    # Too broad for lines: perhaps it is the sheet that they are on, photographed with the desk around it.
    (top, bottom), (left, right) = measure(ink[None], EDGE).ends[0]
    if np.asarray(ndimage.binary_fill_holes(ink[top:bottom, left:right] > 0.5)).mean() < _RECTANGLE:
        return ink
    inset = math.ceil(_RIM * min(bottom - top, right - left))
    sheet = levels[top + inset : bottom - inset, left + inset : right - inset]
    on_sheet = _ink(sheet, paper.lined) if min(sheet.shape) >= _SMALLEST else None
    if on_sheet is None or _breadth(on_sheet, paper) > paper.stroke.high:
        raise DataError(f"{path} shows a bright or dark area and no drawing on it; crop it to the paper.")
    return on_sheet


def _ink(levels: np.ndarray, lined: bool) -> np.ndarray | None:
    """How much ink there is on each pixel (H, W), in [0, 1], whatever paper, light and ink are; None if blank."""
    from scipy import ndimage

    blur = max(levels.shape) / 400  # a stroke of MNIST's breadth is 40 times as broad
    levels = ndimage.gaussian_filter(levels, blur) if blur > 0.3 else levels
    ground, ring = _ground(levels), _ring(levels.shape)
    off = levels - ground
    dark = (off * off * off).sum() < 0  # the longer tail is the ink's; NumPy's power of 3 takes 20 times as long
    if lined and (np.abs(off)[ring] > _SHADOW).mean() > _SHADED:
        ground = _without_lines(levels, dark)
    # Light falls on ink and paper alike, so that ink takes a share of the light that paper gives back.
    ink = (ground - levels) / ground.clip(1) if dark else (levels - ground) / (255 - ground).clip(1)
    ink = ink - np.median(ink[ring])
    noise = 1.4826 * float(np.median(np.abs(ink[ring])))
    core = ink[ink > _between(ink.clip(0))]
    peak = float(np.quantile(core, 0.9 if lined else 0.99)) if len(core) else 0.0
    if peak < max(_FAINTEST, _CLEAR * noise):
        return None
    quiet = _QUIET * noise
    return _without_specks(((ink - quiet) / (peak - quiet)).clip(0, 1))


def _without_lines(levels: np.ndarray, dark: bool) -> np.ndarray:
    """The ground under lines, with the edges of shadows: what a square reaches that is broader than any line."""
    from scipy import ndimage

    side = math.ceil(max(levels.shape) * _SQUARE)
    return (ndimage.grey_closing if dark else ndimage.grey_opening)(levels, size=(side, side))


def _breadth(ink: np.ndarray, paper: Paper) -> float:
    """Breadth of the strokes once the drawing has the usual size."""
    # Parted into ink and none, since noise within a stroke would pass for edges of it.
    strokes = breadth((ink > 0.5)[None].astype(np.float32))[0]
    return float(strokes * paper.extent.median / measure(ink[None], EDGE).extent[0])


def _ground(levels: np.ndarray) -> np.ndarray:
    """The level that each pixel's background has: a paraboloid through what agrees with the border.

    First a plane through the border, then a paraboloid through all pixels near it, again and again, so that
    shading is followed inwards and ink, which stands off, is left out.
    """
    from PIL import Image

    height, width = levels.shape
    ratio = min(1.0, _COARSE / max(height, width))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    coarse = np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.BOX))
    terms, level = _terms(coarse.shape), coarse.ravel()
    ring = _ring(coarse.shape).ravel()
    agrees = ring & _near(level - np.median(level[ring]), ring)
    weights = np.zeros(terms.shape[1])
    for step in range(_ROUNDS):
        degree = _PLANE if step < _ROUNDS // 2 else terms.shape[1]
        weights[:degree] = np.linalg.lstsq(terms[agrees, :degree], level[agrees], rcond=None)[0]
        agrees = _near(level - terms @ weights, agrees) & (ring | (degree > _PLANE))
    return (_terms(levels.shape) @ weights).reshape(height, width).astype(np.float32)


def _terms(shape: tuple[int, ...]) -> np.ndarray:
    """1, x, y, x², xy, y² at every pixel, (H W, 6), with x and y from -1 to 1."""
    y, x = (axis.ravel() for axis in np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _near(off: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Which pixels are off by no more than noise, as the median of some tells it; a level or two always is."""
    return np.abs(off) <= 3 * (1 + 1.4826 * np.median(np.abs(off[among])))


def _ring(shape: tuple[int, ...]) -> np.ndarray:
    """The pixels along the border: a sixteenth of the shorter side, from each."""
    breadth = max(1, min(shape) // 16)
    ring = np.ones(shape, dtype=bool)
    ring[breadth:-breadth, breadth:-breadth] = False
    return ring


def _between(ink: np.ndarray) -> float:
    """The threshold that parts paper from ink with the greatest variance between the two.

    Source: Otsu 1979, doi:10.1109/TSMC.1979.4310076.
    """
    counts, edges = np.histogram(ink, bins=256)
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * (edges[:-1] + edges[1:]) / 2).cumsum()
    parted = (below > 0) & (above > 0)
    if not parted.any():
        return float(edges[-1])
    apart = sums[parted] / below[parted] - (sums[-1] - sums[parted]) / above[parted]
    return float(edges[1:][parted][(below[parted] * above[parted] * apart**2).argmax()])


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """Ink without specks: spots that are small beside the largest, or nowhere strong."""
    from scipy import ndimage

    spots = np.empty(ink.shape, dtype=np.int32)
    ndimage.label(ink > EDGE, np.ones((3, 3)), output=spots)
    areas = np.bincount(spots.ravel())
    areas *= np.bincount(spots[ink >= 0.5], minlength=len(areas)) > 0
    areas[0] = 0  # number 0 is what is no spot
    kept = areas > _SPECK * areas.max()
    # With the faint edge around it: what lies farther off would still pull at the centre of mass.
    return ink * ndimage.binary_dilation(kept[spots], iterations=2)


def _thickened(ink: np.ndarray, paper: Paper) -> np.ndarray:
    """Lines much thinner than the training pictures' made broader, lest they fade when made small."""
    from scipy import ndimage

    scale = paper.extent.median / measure(ink[None], EDGE).extent[0]
    reach = (_THIN * paper.stroke.median - _breadth(ink, paper)) / scale / 2
    if scale > _SHRUNK or reach <= 0:
        return ink
    around = int(reach) + 2
    distance = ndimage.distance_transform_edt(np.pad(ink, around) < 0.5)
    return np.maximum(np.pad(ink, around), (reach - distance + 1).clip(0, 1))


def _place(ink: np.ndarray, shape: tuple[int, ...], paper: Paper) -> Frame:
    """The frame around a drawing that gives it the usual size and puts its middle where it usually is."""
    drawing = measure(ink[None], EDGE)
    ends = drawing.ends[0]
    scale = paper.extent.median / drawing.extent[0]
    scale = min(scale, *(side / (last - first) for side, (first, last) in zip(shape, ends, strict=True)))
    snap = abs(scale - 1) < _SAME  # a drawing of the right size stays sharp if it is moved by whole pixels
    scale = 1.0 if snap else scale
    middle = (drawing.mass if paper.by_mass else drawing.box)[0]
    starts = []
    for side, (first, last), at, centre in zip(shape, ends, middle, paper.centre, strict=True):
        start = at - centre / scale
        start = round(start) if snap else start
        starts.append(float(np.clip(start, last - side / scale, first)))  # nothing of it is cut off
    return Frame(starts[0], starts[1], starts[0] + shape[0] / scale, starts[1] + shape[1] / scale)


def _sampled(ink: np.ndarray, frame: Frame, shape: tuple[int, ...]) -> np.ndarray:
    """What is in the frame, (H, W) in [0, 1], each pixel the mean over the area that it stands for."""
    from PIL import Image

    before = [math.ceil(max(0.0, -start)) for start in frame[:2]]
    after = [math.ceil(max(0.0, end - side)) for end, side in zip(frame[2:], ink.shape, strict=True)]
    padded = Image.fromarray(np.pad(ink, list(zip(before, after, strict=True))))
    box = (frame.left + before[1], frame.top + before[0], frame.right + before[1], frame.bottom + before[0])
    return np.asarray(padded.resize((shape[1], shape[0]), _FILTER, box=box)).clip(0, 1)
