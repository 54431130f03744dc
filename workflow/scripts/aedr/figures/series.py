"""Each method's colour and marker, the same in all figures that show several methods."""

from aedr.figures.style import COLOURS
from aedr.robustness.scores import OTHERS_SHOWN
from aedr.scoring.methods import METHODS

HUES = [COLOURS[f"series-{i}"] for i in range(1, 6)]
MARKERS = "os^DvPX<>ph*dH8|x"
NAMED = [(method.metric, method.signal) for method in METHODS.values()]
# None is the configured method if it has no name; a figure has at most one. Methods that a figure shows together differ
# in colour, as far as there are colours.
SERIES = [*NAMED, OTHERS_SHOWN[0], None, *OTHERS_SHOWN[1:]]


def series_look(metric: str, signal: str) -> dict[str, str]:
    """Return the colour and the marker of a metric and its signal; AEDR as published has the text's colour."""
    place = SERIES.index((metric, signal) if (metric, signal) in SERIES else None)
    return {"color": HUES[(place - 1) % len(HUES)] if place else COLOURS["ink"], "marker": MARKERS[place]}
