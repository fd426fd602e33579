"""Files of pictures as arrays in colour: decoded once, by several threads, and kept on disk.

What the values of a file mean is decided by the picture's mode.
"""

import errno
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from gdw import files
from gdw.cache import Cache, cache_folder, digest, file_stamp
from gdw.pictures.on_disk import BATCH, Images, OnDisk, ahead, memory_for_images
from gdw.pictures.pretrained import SMALL_PICTURE

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFile import ImageFile

DICOM = "GDW DICOM"  # beside a plug-in of somebody else's
WHITE = 255  # the brightest shade, and the one background under every transparent picture
# Formats that only decode pixels and that a file's first bytes tell apart. Not EPS, for one: it starts Ghostscript.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "JXL", "MPO", "PNG", "PPM", "QOI", "TIFF", "WEBP",
           DICOM)  # fmt: skip
FEWEST_SHADES = 1 / 256  # of its type's range: a picture that uses less comes out black
IMAGE_WIDTH, IMAGE_LENGTH, BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 256, 257, 258, 262, 339  # TIFF tags
WHITE_IS_ZERO = 0
START_OF_SCAN, COEFFICIENTS = 0xDA, 64  # of JPEG
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # behind a scan's data
SIGNED = 2  # value of SAMPLE_FORMAT
ORIENTATION, SIDEWAYS = 274, (5, 6, 7, 8)  # EXIF's tag, and its values where height and width change places
COMMON_SIZE = 32  # pixels, height and width, where the pictures are of several sizes
PEEK = 100  # pictures looked at to learn whether they are all of one size
NAMED = 10  # broken pictures that a note names; the others are counted
FEWEST = 500  # pictures; fewer are decoded each time
JPEG, JPEG_END = b"\xff\xd8", b"\xff\xd9"  # how it begins and ends
FILLER = bytes(range(1, 64))  # would change pixels that are not there yet
PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EAGAIN, errno.ETIMEDOUT}  # no fault of a picture
LAYOUT = 5  # of what is kept on disk; with a new number all pictures are decoded again

Pictures = UInt8[Tensor, "images 3 height width"]


class BrokenPictureError(ValueError):
    """A file that should be a picture and cannot be used as one; its message names the file."""


@dataclass(frozen=True)
class PictureFiles:
    """Pictures that are decoded when they are asked for: the middle part of each, resized to (height, width)."""

    paths: Sequence[str | Path]
    size: tuple[int, int]
    dtype = torch.uint8

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", [os.fspath(path) for path in self.paths])  # a quarter of a Path's memory

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, *self.size)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, places: Int[np.ndarray, "images"], /) -> Pictures:
        found = np.empty((len(places), *self.shape), np.uint8)
        for row, place in zip(found, places, strict=True):
            row[:] = read_picture(Path(self.paths[place]), self.size).transpose(2, 0, 1)
        return torch.from_numpy(found)

    def stamp(self, place: int) -> tuple[bytes, bool]:
        """A hash of the file's path, size and times of change and of how it is read; and whether it can be trusted."""
        stamp, settled = file_stamp(Path(self.paths[place]))
        return digest(stamp + f"{self.size} {_decoders()}".encode()), settled


class SeveralSizesError(Exception):
    """A picture is not of the size that the others are."""


def decode(
    paths: list[Path], image_size: int | None, seen_at: int | None = None, table: Path | None = None
) -> tuple[Images, dict[int, str]]:
    """All pictures in one size: their own if a sample of them shares one, otherwise ``image_size`` or 32.

    Pictures that a network will see, and more than fit in memory (:func:`gdw.pictures.on_disk.memory_for_images`), stay
    in their files. The others are decoded here. From 500 pictures on they are kept on disk, one file for a folder, a
    size and the ``table`` that chose the files, in ``pictures`` of the cache's folder. A second start decodes nothing
    as long as each file has the path, the size and the times of change that it had.

    Args:
        seen_at: height and width in pixels at which a network will see the pictures. Without ``image_size``, pictures
            of several sizes and pictures larger than 64 pixels are read in this size: no detail that the network could
            see is lost, and no larger copy is held.

    Returns:
        The pictures; and why some cannot be decoded, by their places. Those that a network will see are not tried.
    """
    own = None if image_size else one_size(paths, None if seen_at is None else SMALL_PICTURE)
    size = own or ((image_size or seen_at or COMMON_SIZE),) * 2
    stored = OnDisk.all_of(PictureFiles(paths, size))
    if seen_at is not None:
        return stored, {}
    if stored.nbytes > memory_for_images():
        return stored, broken_in(paths, size)
    return _kept(paths, f"{image_size} {table} {_decoders()}", lambda: _decoded(paths, own, size))


def _kept(
    paths: Sequence[Path], rule: str, decoded: Callable[[], tuple[Pictures, dict[int, str]]]
) -> tuple[Pictures, dict[int, str]]:
    """What ``decoded`` gives, or what it gave last time for the same files and rule.

    The broken ones are tried again: meanwhile there may be a decoder for them.
    """
    folder = cache_folder()
    if folder is None or len(paths) < FEWEST:
        return decoded()
    try:
        stamps = [file_stamp(path) for path in paths]
    except OSError:  # a file that is gone: decoding names it
        return decoded()
    stamp = hashlib.sha256(rule.encode() + b"".join(of_file for of_file, _ in stamps)).hexdigest()
    base = os.path.commonpath([path.parent.absolute() for path in paths])
    name = digest(os.fsencode(f"{base} {rule}")).hex()
    store = Cache(folder / "pictures", "decoded pictures", "stamp")
    found = store.load(name, "pictures", "broken", made_from=stamp)
    if found is not None:
        places = found[1]["broken"].tolist()
        again = broken_in([paths[place] for place in places], (COMMON_SIZE, COMMON_SIZE))
        if len(again) == len(places):
            return found[1]["pictures"], dict(zip(places, again.values(), strict=True))
    images, broken = decoded()
    if all(settled for _, settled in stamps):
        store.save(name, stamp, pictures=images, broken=torch.tensor(list(broken), dtype=torch.int64))
    return images, broken


def _decoded(
    paths: Sequence[Path], own: tuple[int, int] | None, size: tuple[int, int]
) -> tuple[Pictures, dict[int, str]]:
    if own is not None:
        with suppress(SeveralSizesError):  # outside the sample
            return _decode_all(paths, own, resize=False)
    return _decode_all(paths, size, resize=True)


@contextmanager
def refuse_huge_pictures() -> Iterator[None]:
    """Within: a picture of too many pixels is a broken one, instead of a warning."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def sample(paths: list[Path]) -> list[Path]:
    """A hundred of the files or a few more, spread evenly."""
    return paths[:: max(1, len(paths) // PEEK)]


def one_size(paths: list[Path], largest: int | None = None) -> tuple[int, int] | None:
    """Height and width that a sample of the pictures shares; None where they differ, or one is above ``largest``."""
    sizes = set(sizes_of(sample(paths)))
    if len(sizes) != 1 or (largest is not None and max(max(size) for size in sizes) > largest):
        return None
    return sizes.pop()


def _decode_all(paths: Sequence[Path], size: tuple[int, int], resize: bool) -> tuple[Pictures, dict[int, str]]:
    """The pictures, each of ``size`` or resized to it; why some cannot be decoded, by their places: these are black."""
    images, broken = torch.zeros((len(paths), 3, *size), dtype=torch.uint8), dict[int, str]()
    with closing(read_each(paths, size if resize else None)) as batches:
        for places, found, bad in batches:
            if places and found.shape[2:] != size:
                raise SeveralSizesError
            images[places] = found
            broken |= bad
    return images, broken


def broken_in(paths: Sequence[Path], size: tuple[int, int]) -> dict[int, str]:
    """Why pictures cannot be decoded, by their places: each is tried."""
    return {place: said for _, _, broken in read_each(paths, size) for place, said in broken.items()}


@contextmanager
def _opened(path: Path) -> "Iterator[ImageFile]":
    """Pillow's picture before its pixels are read, without a warning of its size: reading it may refuse that."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=_formats()) as picture:
            yield picture


def can_open(path: Path) -> bool:
    """Whether the file's first bytes are those of a picture that Pillow can read."""
    from PIL import Image

    try:
        with _opened(path):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # junk may raise anything; a file that Pillow does not know is not a picture
        return False


def sizes_of(paths: Iterable[Path]) -> Iterator[tuple[int, int]]:
    """Height and width of each picture when it is upright, from the file's first bytes; broken ones are left out."""
    for path in paths:
        with suppress(Exception), _opened(path) as picture:  # junk may raise anything; reading it names it
            width, height = picture.size
            tags = getattr(picture, "tag_v2", None)  # of a TIFF, whose size Pillow may have turned already
            stored = (width, height) if tags is None else (tags.get(IMAGE_WIDTH), tags.get(IMAGE_LENGTH))
            turned = picture.getexif().get(ORIENTATION, 1) in SIDEWAYS and (width, height) == stored
            yield (width, height) if turned else (height, width)


def read_each(
    paths: Sequence[Path], size: tuple[int, int] | None
) -> "Generator[tuple[list[int], Pictures, dict[int, str]]]":
    """Batches of pictures in one size: the places of those that can be decoded, and why the others cannot."""

    def look(start: int) -> tuple[list[int], Pictures, dict[int, str]]:
        found, broken = dict[int, np.ndarray](), dict[int, str]()
        for place, path in enumerate(paths[start : start + BATCH], start):
            try:
                found[place] = read_picture(path, size)
            except BrokenPictureError as error:
                broken[place] = str(error)
        if len({picture.shape for picture in found.values()}) > 1:
            raise SeveralSizesError
        stacked = np.stack([*found.values()]) if found else np.empty((0, *(size or (1, 1)), 3), np.uint8)
        return list(found), torch.from_numpy(stacked).permute(0, 3, 1, 2), broken

    with refuse_huge_pictures():
        yield from ahead(look, range(0, len(paths), BATCH))


def _pixels(jpeg: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as picture:
        return np.asarray(picture)


def _has_every_scan(jpeg: bytes) -> bool:
    """Whether each coefficient of each component is there to its last bit: a progressive JPEG may be cut before that.

    Source: ITU-T T.81, annexes B.2.3 (scan header: Ss, Se, Al) and G.1.
    """
    left, at = dict[tuple[int, int], int](), 2
    while jpeg[at : at + 1] == b"\xff" and at + 4 <= len(jpeg):
        kind, end = jpeg[at + 1], at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if kind == START_OF_SCAN:
            first, last, bits = jpeg[end - 3 : end]
            left |= {
                (component, k): bits & 15 for component in jpeg[at + 5 : end - 3 : 2] for k in range(first, last + 1)
            }
            end = found.start() if (found := MARKER.search(jpeg, end)) else len(jpeg)
        at = end
    components = {component for component, _ in left}
    return all(left.get((component, k)) == 0 for component in components for k in range(COEFFICIENTS))


def _completed(file: Path) -> "BytesIO | None":
    """A JPEG that lacks its end marker and nothing else, with the marker; None for any other file.

    All pixels are there if they do not depend on what follows the file's last byte.
    """
    data = file.read_bytes()
    if not data.startswith(JPEG) or JPEG_END in data[-len(FILLER) :]:
        return None
    completed = BytesIO(data + JPEG_END)
    with suppress(Exception):  # junk may raise anything
        if not _has_every_scan(data):
            return None
        one, other = (_pixels(data + more + JPEG_END) for more in (b"", FILLER))
        return completed if np.array_equal(one, other) else None
    return None


def read_picture(file: Path, size: tuple[int, int] | None = None) -> UInt8[np.ndarray, "height width 3"]:
    """One picture in colour and upright; with a size (height, width), its middle part resized to it.

    ``BrokenPictureError`` for whatever Pillow finds wrong, and for values whose meaning is not known.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(_completed(file) or file, formats=_formats()) as picture:
            if size is not None:
                picture.draft("RGB", size[::-1])  # a large JPEG is decoded at a fraction of its size
            colour = to_colour(ImageOps.exif_transpose(picture), _brightest(picture), _is_negative(picture))
            return np.asarray(colour if size is None else ImageOps.fit(colour, size[::-1]))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels; store it smaller"
        raise BrokenPictureError(f"{file} ({limit})") from error
    except MemoryError:
        raise
    except Exception as error:  # a decoder given junk may raise anything
        if isinstance(error, OSError) and error.errno in PASSING:
            raise  # the system's, not the picture's: the next time the file may be read
        raise BrokenPictureError(f"{file} ({files.damage(file) or error})") from error


def to_colour(picture: "Picture", brightest: int, negative: bool = False) -> "Picture":
    """The picture in mode RGB; ``brightest`` is the largest whole number of its type, black where ``negative``.

    Whole numbers of 16 or 32 bits are scaled by the range of their type, real numbers must lie in [0, 1], and
    what is transparent shows a white background. Other numbers, and a range of less than one of 256 shades, are a
    ``ValueError``.
    """
    from PIL import Image

    if picture.mode == "F":
        return Image.fromarray(_shades_of_reals(np.asarray(picture))).convert("RGB")
    if picture.mode.startswith("I"):
        shades = _shades_of_integers(np.asarray(picture), brightest)
        return Image.fromarray(WHITE - shades if negative else shades).convert("RGB")
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


def _brightest(picture: "Picture") -> int:
    """Largest whole number that its file can hold. Pillow scales what a PGM or PNG holds to 16 bits."""
    from PIL.TiffImagePlugin import TiffImageFile

    if not isinstance(picture, TiffImageFile):
        return 2**16 - 1
    bits = int(picture.tag_v2.get(BITS_PER_SAMPLE, (1,))[0])
    signed = picture.tag_v2.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    return (1 << (bits - 1 if signed else bits)) - 1


def _is_negative(picture: "Picture") -> bool:
    """Whether 0 is white in a TIFF; Pillow heeds that where a pixel has 8 bits or fewer."""
    return int(getattr(picture, "tag_v2", {}).get(PHOTOMETRIC, 1)) == WHITE_IS_ZERO


@cache
def _decoders() -> str:
    """What the pixels of a file depend on besides the file."""
    import PIL

    try:
        dicom = metadata.version("pydicom")
    except metadata.PackageNotFoundError:
        dicom = "none"
    return f"{LAYOUT} Pillow {PIL.__version__} pydicom {dicom}"


@cache
def _formats() -> list[str]:
    """Those of ``FORMATS`` that this Pillow, with its plug-ins, knows."""
    from PIL import Image

    from gdw.pictures.dicom import Dicom

    Image.init()
    Image.OPEN[DICOM] = Dicom, None  # not registered: Image.open tries it only where it is named, as here
    return [name for name in FORMATS if name in Image.OPEN]
