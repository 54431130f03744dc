"""What a picture went through after it was decoded, as far as its file and its pixels tell.

A history follows from the picture alone, whatever autoencoder is asked, and is read in the same way of every image: of
those that thresholds and p-values come from, and of those asked about.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels
from aedr.observations.jpeg_files import JpegCoefficients, read_coefficients
from aedr.observations.jpeg_traces import find_first_quality, find_jpeg, standard_tables
from aedr.observations.recoding import is_lossy, likeliest_quality, subsampling_of
from aedr.observations.resize_traces import lacks_detail
from aedr.observations.storage import obstacle_of_storage

GREY = "it is grey: if a decoder put it out in colour, its colours are lost"
# What `describe` says of a picture that nothing happened to.
UNTOUCHED = "pixels stored without loss"
PIXELS, JPEG, DECODED_JPEG, RECODED = "pixels", "jpeg", "decoded jpeg", "recoded"


@dataclass(frozen=True)
class History:
    """One picture's history; `describe` says it in words.

    `kind`: what is observed: pixels, the coefficients of a JPEG file, those of a JPEG whose pixels were stored, or
    pixels from another lossy codec. `quality`: with which libjpeg has these tables, or of the other codec, whose
    `subsampling` of chroma is Pillow's name, None if it has only one. For a decoded JPEG, `rows` and `columns` are how
    many pixels of it are missing at the top and at the left, `steps` and `sampling` are as in `JpegCoefficients`, a
    table of 64 steps for each component, None where nothing is known. `first_quality`: that of the JPEG that a JPEG was
    made from. `enlarged_from` and `enlarged_by`: the (width, height) and the filter of an enlargement that the pixels
    prove. `resizes`: width and height before each resize that the picture is measured through, with its filter, the
    last resize first. `without_detail`: it may have been resized, which would have left no trace. `obstacle`: what
    could not be read, or what was lost that own images have.
    """

    kind: str
    format: str
    quality: int | None = None
    subsampling: str | None = None
    rows: int = 0
    columns: int = 0
    steps: tuple[tuple[float | None, ...], ...] = ()
    sampling: tuple[tuple[int, int], ...] = ()
    first_quality: int | None = None
    enlarged_from: tuple[int, int] | None = None
    enlarged_by: str | None = None
    resizes: tuple[tuple[int, int, str], ...] = ()
    without_detail: bool = False
    obstacle: str | None = None

    @property
    def is_proved(self) -> bool:
        """Whether the pixels prove every resize that the picture is measured through."""
        return self.enlarged_from is not None and {resize[:2] for resize in self.resizes} <= {self.enlarged_from}

    def to_json(self) -> str:
        """Return the history as a text, without what is not known."""
        return json.dumps({key: value for key, value in asdict(self).items() if value != History.__dict__.get(key)})

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Return the history in a text by `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        for key in ("steps", "sampling", "resizes"):
            fields[key] = tuple(map(tuple, fields.get(key, ())))
        if "enlarged_from" in fields:
            fields["enlarged_from"] = tuple(fields["enlarged_from"])
        return cls(**fields)


def read_history(data: bytes, format: str, pixels: Pixels) -> History:
    """Return a picture's history.

    Args:
        data: its file; of a file that a plugin decoded, its pixels as PNG.
        format: Pillow's name of the file's format.
        pixels: as they are stored.
    """
    history = _read(data, format, pixels)
    is_grey = bool((pixels == pixels[..., :1]).all())
    obstacles = [history.obstacle, obstacle_of_storage(data, format), GREY if is_grey else None]
    return replace(history, obstacle="; ".join(filter(None, obstacles)) or None)


def _read(data: bytes, format: str, pixels: Pixels) -> History:
    if format == "JPEG":
        return _history_of_jpeg(data)
    if is_lossy(data, format):
        subsampling = subsampling_of(data, format)
        quality = likeliest_quality(pixels, format, len(data), subsampling)
        return History(RECODED, format, quality=quality, subsampling=subsampling)
    trace = find_jpeg(pixels)
    if trace is None:
        return History(PIXELS, format, without_detail=lacks_detail(pixels))
    steps = tuple(
        tuple(None if np.isinf(step) else float(step) for step in table.ravel()) for table in trace.file.steps
    )
    return History(
        DECODED_JPEG,
        format,
        quality=trace.quality,
        rows=trace.rows,
        columns=trace.columns,
        steps=steps,
        sampling=trace.file.sampling,
    )


def _history_of_jpeg(data: bytes) -> History:
    try:
        file = read_coefficients(data)
    except UnusableImage as unusable:
        return History(PIXELS, "JPEG", obstacle=str(unusable))
    return History(JPEG, "JPEG", quality_of(file), first_quality=find_first_quality(file))


def quality_of(file: JpegCoefficients) -> int | None:
    """Return the quality at which libjpeg has a file's tables; None if it never has."""
    for quality in range(100, 0, -1):
        tables = standard_tables(quality)
        if all(np.array_equal(steps, tables[min(at, 1)]) for at, steps in enumerate(file.steps)):
            return quality
    return None


def describe(history: History) -> str:
    """Return a history in words."""
    quality = "with tables of its own" if history.quality is None else f"of quality {history.quality}"
    if history.kind == JPEG:
        words = f"a JPEG {quality}"
        if history.first_quality is not None:
            words += f", made from one of quality {history.first_quality}"
    elif history.kind == DECODED_JPEG:
        words = f"a JPEG {quality}, stored as {history.format}"
        if history.rows or history.columns:
            words += f" after a cut off its grid (by {history.rows % 8} rows and {history.columns % 8} columns)"
    elif history.kind == RECODED:
        words = f"a lossy {history.format} of about quality {history.quality}"
    else:
        words = "pixels" if history.obstacle else UNTOUCHED
    if history.enlarged_from is not None:
        width, height = history.enlarged_from
        words += f", enlarged from {width}x{height} ({history.enlarged_by})"
    for width, height, _ in history.resizes:
        if (width, height) != history.enlarged_from:
            words += f", perhaps resized from {width}x{height}"
    return words + (f"; {history.obstacle}" if history.obstacle else "")
