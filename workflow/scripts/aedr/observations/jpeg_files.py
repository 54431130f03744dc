"""The quantised DCT coefficients of a JPEG file, as they lie in it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aedr.errors import UnusableImage
from aedr.images.jpegs import read_dct

BLOCK = 8
# ITU-T T.871 (JFIF): rows are Y, Cb and Cr, columns R, G and B.
YCBCR = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
COLOUR_SPACES = {"JCS_YCbCr": 3, "JCS_GRAYSCALE": 1}


@dataclass(frozen=True)
class JpegCoefficients:
    """The planes of a JPEG: luma, and for a colour picture two of chroma.

    `planes`: for each component, multiples of the quantisation steps, int16, shape (blocks down, blocks across, 8, 8);
    the last two axes are the vertical and the horizontal frequency. `steps`: the quantisation table of each component,
    shape (components, 8, 8); infinite where nothing is known. `sampling`: how many pixels of the picture, down and
    across, one sample of each component stands for. `height` and `width` are the picture's, in pixels.
    """

    planes: tuple[npt.NDArray[np.int16], ...]
    steps: npt.NDArray[np.float32]
    sampling: tuple[tuple[int, int], ...]
    height: int
    width: int


def read_coefficients(data: bytes) -> JpegCoefficients:
    """Return the coefficients of a JPEG file, baseline or progressive, grey or in colour with any subsampling.

    Raises:
        UnusableImage: the file is damaged, or its components are not grey or YCbCr.
    """
    jpeg = read_dct(data)
    colours = str(getattr(jpeg.jpeg_color_space, "name", jpeg.jpeg_color_space))
    if colours not in COLOUR_SPACES:
        raise UnusableImage(f"a JPEG in {colours.removeprefix('JCS_')}, which no decoder of images puts out")
    planes = (jpeg.Y, jpeg.Cb, jpeg.Cr)[: COLOUR_SPACES[colours]]
    factors = np.asarray(jpeg.samp_factor)[: len(planes)]
    most = factors.max(axis=0)
    return JpegCoefficients(
        tuple(np.asarray(plane) for plane in planes),
        np.stack([np.asarray(jpeg.qt[number], np.float32) for number in jpeg.quant_tbl_no[: len(planes)]]),
        tuple((int(most[0] // down), int(most[1] // across)) for down, across in factors),
        int(jpeg.height),
        int(jpeg.width),
    )
