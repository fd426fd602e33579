"""Pictures of every mode, in files that numpy and Pillow wrote: each value keeps its meaning or is refused by name."""

import errno
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from gdw.pictures.decoding import BrokenPictureError, can_open, read_picture

SHADES = np.arange(256, dtype=np.uint8).reshape(16, 16)
GREY = np.repeat(SHADES[..., None], 3, axis=2)
WIDE = SHADES.astype(np.uint16) * 257  # the same shades in 16 bits


def saved(path, values, **settings):
    Image.fromarray(values).save(path, **settings)
    return path


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_grey_keeps_its_shades(tmp_path, ending):
    assert np.array_equal(read_picture(saved(tmp_path / f"a.{ending}", WIDE)), GREY)


def test_16_bit_grey_in_either_byte_order(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 16 16 65535\n" + WIDE.astype(">u2").tobytes())
    assert np.array_equal(read_picture(path), GREY)
    Image.frombytes("I;16B", (16, 16), WIDE.astype(">u2").tobytes()).save(tmp_path / "b.tif")
    assert np.array_equal(read_picture(tmp_path / "b.tif"), GREY)


def test_16_bits_of_each_colour_keep_their_shades(tmp_path):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)  # width, height, bits, RGB
    rows = b"".join(b"\0" + row.tobytes() for row in np.repeat(WIDE[..., None], 3, axis=2).astype(">u2"))
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    assert np.array_equal(read_picture(tmp_path / "a.png"), GREY)


def test_a_dicom_file_needs_a_package_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("gdw.errors.find_spec", lambda _: None)
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM" + bytes(64))
    with pytest.raises(BrokenPictureError, match=r"a.dcm \(a DICOM file needs the package pydicom: pip install 'gdw"):
        read_picture(tmp_path / "a.dcm")


def write_dicom(path, pixels, **fields):
    """A file of the fields that a viewer needs, uncompressed; many have no ending."""
    pydicom = pytest.importorskip("pydicom", reason="pip install 'gdw[dicom]'")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    bits = {"BitsAllocated": 8 * pixels.itemsize, "BitsStored": 8 * pixels.itemsize, "HighBit": 8 * pixels.itemsize - 1}
    usual = {"Rows": 16, "Columns": 16, "SamplesPerPixel": 1, "PixelRepresentation": 0}
    for name, value in {**usual, **bits, **fields}.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)


def test_dicom_files_of_other_programs_are_left_to_them(tmp_path):
    write_dicom(tmp_path / "a", SHADES, PhotometricInterpretation="MONOCHROME2")
    assert can_open(tmp_path / "a")
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / "a")


@pytest.mark.parametrize(("sense", "window", "expected"), [
    ("MONOCHROME2", {}, SHADES), ("MONOCHROME1", {}, 255 - SHADES),
    ("MONOCHROME2", {"WindowCenter": 2048, "WindowWidth": 1024}, np.clip((SHADES * 16.0 - 1536) / 1023 * 255, 0, 255)),
])  # fmt: skip
def test_a_dicom_file_is_seen_through_its_window(tmp_path, sense, window, expected):
    stored = {"PhotometricInterpretation": sense, "BitsStored": 12, "HighBit": 11}
    write_dicom(tmp_path / "a", SHADES.astype("<u2") * 16, **stored, **window)
    assert can_open(tmp_path / "a")
    assert np.abs(read_picture(tmp_path / "a")[..., 0] - expected).max() <= 1


def voi_table(bits, entries):
    pydicom = pytest.importorskip("pydicom", reason="pip install 'gdw[dicom]'")
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [len(entries), 0, bits], entries
    table["LUTData"].VR = "US"
    return [table]


NARROW = {"WindowCenter": 500.5, "WindowWidth": 1001}  # 0 ... 1000


@pytest.mark.parametrize(("fields", "values", "expected"), [
    (NARROW, (500, 510), (127.5, 130)), (NARROW, (2000, 2000), (255, 255)), (NARROW, (0, 0), (0, 0)),
    (NARROW | {"PhotometricInterpretation": "MONOCHROME1"}, (500, 250), (127.5, 191)),
    (NARROW | {"VOILUTFunction": "LINEAR_EXACT", "WindowCenter": 500, "WindowWidth": 1000}, (500, 510), (127.5, 130)),
    (NARROW | {"VOILUTFunction": "SIGMOID", "WindowCenter": 500, "WindowWidth": 1000}, (500, 750), (127.5, 186.5)),
    ({"WindowCenter": -499.5, "WindowWidth": 1001, "RescaleSlope": -1, "RescaleIntercept": 0}, (500, 250),
     (127.5, 191)),
    ({"VOILUTSequence": (12, list(range(0, 4096, 16)))}, (100, 110), (99.6, 109.6)),
    ({"VOILUTSequence": (8, list(range(256)))}, (100, 110), (100, 110)),
    ({}, (500, 510), (0, 255)), ({}, (7, 7), (0, 0)),
])  # fmt: skip
def test_shades_are_those_of_the_window_or_table_not_of_the_picture(tmp_path, fields, values, expected):
    fields = {"PhotometricInterpretation": "MONOCHROME2", **fields}
    if "VOILUTSequence" in fields:
        fields["VOILUTSequence"] = voi_table(*fields["VOILUTSequence"])
    write_dicom(tmp_path / "a", np.repeat(np.array(values, "<u2"), 128).reshape(16, 16), **fields)
    assert np.abs(read_picture(tmp_path / "a")[[0, 15], 0, 0] - np.array(expected)).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_the_palette_of_a_dicom_file_gives_its_colours(tmp_path, bits):
    places, table = SHADES.astype(np.uint8), np.arange(256, dtype=np.uint8)
    colours = {"Red": table, "Green": table[::-1], "Blue": table // 2}
    fields = {}
    for name, of_places in colours.items():
        fields[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        entries = of_places if bits == 8 else of_places.astype("<u2") * 257
        fields[f"{name}PaletteColorLookupTableData"] = entries.tobytes()
    write_dicom(tmp_path / "a", places, PhotometricInterpretation="PALETTE COLOR", **fields)
    expected = np.stack([of_places[places] for of_places in colours.values()], axis=-1)
    assert np.array_equal(read_picture(tmp_path / "a"), expected)


def test_12_bits_in_a_pgm_are_scaled_by_what_the_file_says(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 16 16 4095\n" + (WIDE // 16).astype(">u2").tobytes())
    assert np.abs(read_picture(path).astype(int) - GREY).max() <= 1


def test_32_bit_integers_are_scaled_by_their_range(tmp_path):
    values = (SHADES * ((2**31 - 1) / 255)).astype(np.int32)
    assert np.array_equal(read_picture(saved(tmp_path / "a.tif", values)), GREY)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (SHADES.astype(np.int32), "reach only 255 of 2147483647, so it would come out black"),
        (SHADES.astype(np.uint16), "reach only 255 of 65535"),
        (SHADES.astype(np.int32) - 5, "must lie in 0 ... 2147483647, found -5"),
        (SHADES.astype(np.float32), r"real numbers must lie in \[0, 1\], found 0 to 255"),
        (np.full((4, 4), np.nan, np.float32), r"real numbers must lie in \[0, 1\], found nan"),
    ],
)
def test_values_without_a_known_range_are_refused_by_name(tmp_path, values, message):
    with pytest.raises(BrokenPictureError, match=rf"a.tif \(.*{message}"):
        read_picture(saved(tmp_path / "a.tif", values))


def test_reals_between_0_and_1(tmp_path):
    assert np.array_equal(read_picture(saved(tmp_path / "a.tif", SHADES.astype(np.float32) / 255)), GREY)


def test_an_all_black_picture_is_black(tmp_path):
    for name, kind in (("a.tif", np.int32), ("b.png", np.uint16), ("c.tif", np.float32)):
        assert read_picture(saved(tmp_path / name, np.zeros((4, 4), kind))).max() == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "L", "RGB"])
def test_what_is_transparent_is_white_in_every_mode(tmp_path, mode):
    """The left half is clear; its hidden colour differs from file to file and must not show."""
    path, picture = tmp_path / ("a.tif" if mode == "PA" else "a.png"), Image.new("RGBA", (4, 2), (200, 10, 10, 0))
    picture.paste((30, 30, 30, 255), (2, 0, 4, 2))
    if mode in ("RGBA", "LA", "PA"):
        picture.convert(mode).save(path)
    elif mode == "P":
        indexed = Image.new("P", (4, 2), 0)
        indexed.putpalette([200, 10, 10, 30, 30, 30])
        indexed.paste(1, (2, 0, 4, 2))
        indexed.save(path, transparency=bytes([0, 255]))
    else:
        clear = {"L": 71, "RGB": (71, 71, 71)}[mode]
        plain = Image.new(mode, (4, 2), clear)
        plain.paste({"L": 30, "RGB": (30, 30, 30)}[mode], (2, 0, 4, 2))
        plain.save(path, transparency=clear)
    read = read_picture(path)
    assert np.unique(read[:, :2]).tolist() == [255]
    assert np.unique(read[:, 2:]).tolist() == [30]


def test_palette_bilevel_and_print_colours(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    for mode, name in (("P", "a.png"), ("CMYK", "a.tif"), ("RGB", "a.bmp")):
        Image.fromarray(red).convert(mode).save(tmp_path / name)
        assert np.abs(read_picture(tmp_path / name).astype(int) - red).max() <= 1, mode
    Image.new("1", (4, 4), 1).save(tmp_path / "b.png")
    assert np.unique(read_picture(tmp_path / "b.png")).tolist() == [255]


def test_only_formats_that_decode_pixels_are_opened(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert not can_open(path)
    with pytest.raises(BrokenPictureError, match=r"a.jpg \(cannot identify"):
        read_picture(path)


@pytest.mark.parametrize(
    ("content", "cause"), [(b"", "is empty"), (b"<html>", "web page"), (b"version https://git-lfs.x", "LFS pointer")]
)
def test_a_picture_that_was_never_downloaded_says_so(tmp_path, content, cause):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(BrokenPictureError, match=rf"a.png \(the file .*{cause}"):
        read_picture(tmp_path / "a.png")


def stored(kind):
    stream = io.BytesIO()
    Image.fromarray(WIDE if kind in ("PNG", "TIFF") else SHADES).save(stream, kind)
    return stream.getvalue()


STORED = {kind: stored(kind) for kind in ("PNG", "TIFF", "JPEG", "GIF", "BMP", "WEBP", "PPM")}


@given(
    kind=st.sampled_from(sorted(STORED)),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 10_000),
)
@pytest.mark.filterwarnings("ignore")  # Pillow's own words on damaged files
def test_damaged_files_are_read_or_named(tmp_path_factory, kind, changes, length):
    content = bytearray(STORED[kind])
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: length if length < len(content) else None])
    assert can_open(path) in (True, False)
    try:
        picture, message = read_picture(path), None
    except BrokenPictureError as error:
        picture, message = None, str(error)
    assert "damaged" in message if picture is None else picture.shape[2] == 3


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "too many open files"), OSError(errno.EIO, ""), MemoryError()])
def test_what_is_no_fault_of_the_picture_is_not_called_broken(tmp_path, monkeypatch, error):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")

    def fails(*given, **options):
        raise error

    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(type(error)) as caught:
        read_picture(tmp_path / "a.png")
    assert not isinstance(caught.value, BrokenPictureError)
