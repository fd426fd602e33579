"""DICOM files as pictures of Pillow, read by pydicom."""

from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image, ImageFile

from gdw.errors import require_package

PREAMBLE, MARK = 128, b"DICM"  # bytes before the mark, and the mark


class Dicom(ImageFile.ImageFile):
    """The first frame, through the file's own window, its shades from 0 to 255 in the file's own sense of bright.

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
            shades = apply_voi_lut(apply_modality_lut(values, data), data).astype(np.float64)
            shades = (shades - shades.min()) / max(np.ptp(shades), 1e-300)
            values = np.round(255 * (1 - shades if data.PhotometricInterpretation == "MONOCHROME1" else shades))
        else:
            values >>= max(0, data.BitsStored - 8)
        self._decoded = Image.fromarray(values.astype(np.uint8))
        self._mode, self._size = self._decoded.mode, self._decoded.size

    def load(self) -> Any:
        """Pillow's: the pixels are there already."""
        self.im = self._decoded.im
        return super().load()
