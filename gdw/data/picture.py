"""One picture file as an array in colour: what its values mean is decided by the picture's mode."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gdw.data.damage import damage

WHITE = 255  # the brightest shade, and the one background under every transparent picture
# Formats that only decode pixels and that a file's first bytes tell apart. Not EPS, for one: it starts Ghostscript.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "JXL", "MPO", "PNG", "PPM", "QOI", "TIFF", "WEBP")
FEWEST_SHADES = 1 / 256  # of its type's range: a picture that uses less comes out black
BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339  # TIFF tags
SIGNED = 2  # value of SAMPLE_FORMAT


class BrokenPictureError(ValueError):
    """A file that should be a picture and cannot be used as one; its message names the file."""


def can_open(file: Path) -> bool:
    """Whether the file's first bytes are those of a picture that Pillow can read."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a size that is refused later is a picture still
            with Image.open(file, formats=_formats()):
                return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # junk may raise anything; a file that Pillow does not know is not a picture
        return False


def size_of(file: Path) -> tuple[int, int] | None:
    """Width and height in pixels, from the file's first bytes; None for a broken picture, which reading it names."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_formats()) as picture:
                return picture.size
    except Exception:  # junk may raise anything
        return None


@contextmanager
def huge_pictures_refused() -> Iterator[None]:
    """Within it, a picture above Pillow's limit of pixels is a separate error, and not only a warning."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_picture(file: Path, size: tuple[int, int] | None = None) -> UInt8[np.ndarray, "height width 3"]:
    """One picture in colour and upright; with a size (height, width), its middle part resized to it.

    Raises:
        BrokenPictureError: whatever Pillow finds wrong, or values whose meaning is not known; names the file.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=_formats()) as picture:
            if size is not None:
                picture.draft("RGB", size[::-1])  # a large JPEG is decoded at a fraction of its size
            brightest = _brightest(picture) if picture.mode.startswith("I") else None
            colour = to_colour(ImageOps.exif_transpose(picture), brightest)
            return np.asarray(colour if size is None else ImageOps.fit(colour, size[::-1]))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels; store it smaller"
        raise BrokenPictureError(f"{file} ({limit})") from error
    except Exception as error:  # a decoder given junk may raise anything
        raise BrokenPictureError(f"{file} ({damage(file) or error})") from error


def to_colour(picture, brightest: int | None = None):
    """The picture in mode RGB.

    Whole numbers of 16 or 32 bits are scaled by the range of their type, real numbers must lie in [0, 1], and
    what is transparent shows a white background.

    Args:
        picture: a Pillow image.
        brightest: largest value of its type; for the modes that start with I.

    Raises:
        ValueError: numbers outside their range, or a range so narrow that it is less than one of 256 shades.
    """
    from PIL import Image

    if picture.mode == "F":
        return Image.fromarray(_shades_of_reals(np.asarray(picture))).convert("RGB")
    if picture.mode.startswith("I"):
        return Image.fromarray(_shades_of_integers(np.asarray(picture), brightest)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        background = Image.new("RGBA", layer.size, (WHITE,) * 4)
        return Image.alpha_composite(background, layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _shades_of_reals(values: np.ndarray) -> np.ndarray:
    if not (values.min() >= 0 and values.max() <= 1):  # false for NaN too
        raise ValueError(f"real numbers must lie in [0, 1], found {values.min():g} to {values.max():g}")
    return np.round(values.astype(np.float64) * WHITE).astype(np.uint8)


def _shades_of_integers(values: np.ndarray, brightest: int) -> np.ndarray:
    if brightest > np.iinfo(np.int32).max and values.dtype == np.int32:
        values = values.view(np.uint32)  # Pillow keeps unsigned numbers in signed ones
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > brightest:
        raise ValueError(f"whole numbers must lie in 0 ... {brightest}, found {low} to {high}")
    if 0 < high < brightest * FEWEST_SHADES:
        raise ValueError(
            f"its values reach only {high} of {brightest}, so it would come out black; store it with 8 bits"
        )
    return np.round(values.astype(np.float64) * (WHITE / brightest)).astype(np.uint8)


def _brightest(picture) -> int:
    """Largest whole number that its file can hold. Pillow scales what a PGM or PNG holds to 16 bits."""
    if picture.format != "TIFF":
        return 2**16 - 1
    bits = picture.tag_v2.get(BITS_PER_SAMPLE, (1,))[0]
    signed = picture.tag_v2.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    return 2 ** (bits - signed) - 1


def _formats() -> list[str]:
    """Those of ``FORMATS`` that this Pillow, with its plug-ins, knows."""
    from PIL import Image

    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]
