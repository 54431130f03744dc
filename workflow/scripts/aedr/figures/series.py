"""How each method looks in figures that show several: its colour and its marker, the same in all of them."""

from aedr.figures.style import COLOURS
from aedr.robustness.scores import OTHERS_SHOWN
from aedr.scoring.methods import METHODS

HUES = [COLOURS[f"series-{i}"] for i in range(1, 6)]
MARKERS = "os^DvPX<>ph*dH"
NAMED = [(method.metric, method.signal) for method in METHODS.values()]
# A method without a name is the configured one, of which a figure has one. What a figure shows together is told apart
# by colour, as far as there are colours.
SERIES = [*NAMED, OTHERS_SHOWN[0], None, OTHERS_SHOWN[1]]


def series_look(metric: str, signal: str) -> dict[str, str]:
    """Return the colour and the marker of a metric and its signal; AEDR as published has the colour of the text."""
    place = SERIES.index((metric, signal) if (metric, signal) in SERIES else None)
    return {"color": HUES[(place - 1) % len(HUES)] if place else COLOURS["ink"], "marker": MARKERS[place]}
