"""Homogeneity, the measure of texture that the loss ratio is multiplied by."""

import cv2
import numpy as np
import numpy.typing as npt
from skimage.feature import graycomatrix, graycoprops

from aedr.errors import UnusableImage
from aedr.images.pictures import LOW_ENDS, decode_image, open_image, picture_shape

GREY_LEVELS = 32


def homogeneity(grey: npt.NDArray[np.uint8]) -> float:
    """Return sum P(i,j) / (1 + (i-j)^2) of the grey-level co-occurrence matrix of an 8-bit grey image, in (0, 1].

    32 grey levels, distance 1, angle 0, symmetric, normalised (as in the published code; the paper's formula is
    reported with |i-j| instead of the square).

    Raises:
        UnusableImage: the image is one pixel wide, so no pixel has a neighbour.
    """
    if grey.shape[1] < 2:
        raise UnusableImage("one pixel wide: homogeneity needs neighbours")
    levels = grey // (256 // GREY_LEVELS)
    matrix = graycomatrix(levels, distances=[1], angles=[0], levels=GREY_LEVELS, symmetric=True, normed=True)
    return float(graycoprops(matrix, "homogeneity")[0, 0])


def read_grey(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode an encoded picture that `decode_image` accepts to 8-bit grey, shape (height, width), as OpenCV does.

    OpenCV uses a JPEG's own luma and truncates where others round; only this reproduces the published values. If OpenCV
    cannot decode a picture, or reads it at another size, it is converted with OpenCV's coefficients for PNG.
    """
    try:
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    # OpenCV has its own limits, such as 2^20 pixels per side.
    except cv2.error:
        grey = None
    if grey is not None and grey.shape == picture_shape(data) and not _is_scaled(data, grey):
        return grey.astype(np.uint8, copy=False)
    red, green, blue = decode_image(data).astype(np.int64).transpose(2, 0, 1)
    return ((9797 * red + 19234 * green + 3737 * blue) >> 15).astype(np.uint8)


def _is_scaled(data: bytes, high_byte: npt.NDArray[np.generic]) -> bool:
    """Return whether `decode_image` scales a picture's 16-bit samples, whose high byte OpenCV returns."""
    if high_byte.max() >= 1 << (max(LOW_ENDS) - 8):
        return False
    with open_image(data) as image:
        return image.mode.startswith("I")
