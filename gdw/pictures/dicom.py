"""DICOM files as pictures of Pillow, read by pydicom."""

from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image, ImageFile

from gdw.errors import require_package

PREAMBLE, MARK = 128, b"DICM"  # bytes before the mark, and the mark


class Dicom(ImageFile.ImageFile):
    """The first frame, through the file's own window, its shades from 0 to 255 in the file's own sense of bright.

    The window's darkest shade, or that of its table, is 0 and its brightest 255, whether or not the picture has them.
    Only where the file has neither, the picture's own smallest and largest values are 0 and 255.

    Source: DICOM PS3.3, C.11.1 and C.11.2 (modality and values of interest), C.7.6.3 (photometric interpretation).
    """

    format = "DICOM"
    format_description = "Digital Imaging and Communications in Medicine"

    def _open(self) -> None:
        file = cast(BinaryIO, self.fp)
        file.seek(PREAMBLE)
        if file.read(len(MARK)) != MARK:
            raise SyntaxError("no DICOM file")
        require_package("pydicom", "dicom", "a DICOM file")
        from pydicom import dcmread
        from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
        from pydicom.pixels.utils import pixel_array

        file.seek(0)
        data = dcmread(file)
        values = pixel_array(data, index=0)
        if data.PhotometricInterpretation == "PALETTE COLOR":
            values = apply_color_lut(values, data)
            values >>= 8 * values.itemsize - 8
        elif values.ndim == 2:
            values = apply_modality_lut(values, data)
            shades = apply_voi_lut(values, data)
            if shades is values:
                low, high = float(shades.min()), float(shades.max())
            elif shades.dtype.kind == "u":  # by a table
                low, high = 0.0, 2.0 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1
            else:
                low, high = apply_voi_lut(np.array([-np.inf, np.inf]), data)
            shades = (shades - low) / ((high - low) or 1)
            values = np.round(255 * (1 - shades if data.PhotometricInterpretation == "MONOCHROME1" else shades))
        else:
            values >>= max(0, data.BitsStored - 8)
        self._decoded = Image.fromarray(values.astype(np.uint8))
        self._mode, self._size = self._decoded.mode, self._decoded.size

    def load(self) -> Any:
        """Pillow's: the pixels are there already."""
        self.im = self._decoded.im
        return super().load()
