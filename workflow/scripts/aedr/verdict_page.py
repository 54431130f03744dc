"""The page of verdicts: each picture, its answer, and where it falls among the reference images."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from PIL import Image

from aedr.calibration_files import reference_of
from aedr.families import family_label
from aedr.images import decode_image
from aedr.verdicts import CANNOT_SAY, FAMILY, NONE, RATIOS, SEVERAL, Reference

HEADLINES = {
    FAMILY: "Out of the autoencoder of {names}",
    SEVERAL: "Out of the autoencoder of one of {names}",
    NONE: "Out of none of these autoencoders",
    CANNOT_SAY: "Cannot say",
}
COUNTED = {FAMILY: "given to one family", SEVERAL: "to several", NONE: "to none", CANNOT_SAY: "cannot be told"}

TEMPLATE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Verdicts</title>
<style>
  :root { color-scheme: light dark; --line: #8886; --soft: #8882; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
  article { display: grid; grid-template-columns: 14rem 1fr; gap: 1.5rem; border-top: 1px solid var(--line);
            padding: 1.5rem 0; }
  article > div { min-width: 0; }
  img { max-width: 100%; height: auto; }
  .picture { image-rendering: pixelated; width: 14rem; border: 1px solid var(--line); }
  .plot { background: white; border-radius: 4px; }
  h2 { font-size: 1.15rem; margin: 0; }
  .name { overflow-wrap: anywhere; opacity: .75; font-size: .9rem; }
  table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; }
  th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--soft); }
  td { font-variant-numeric: tabular-nums; }
  details { margin: .5rem 0; }
  @media (max-width: 45rem) { article { grid-template-columns: 1fr; } .tables { overflow-x: auto; } }
</style>
<h1>Which autoencoder did these images come out of?</h1>
<p>{{ counts }}.</p>
<details open><summary>How to read this</summary>
<p>Each image was passed twice through the autoencoder of every model below. An image that the autoencoder itself
decoded changes as little in the first pass as in the second; its signal ({{ metric }}, {{ signal }}) is low.</p>
<ul>
<li><b>Own images as far out</b>: the share of the autoencoder's own images whose signal is as high or higher. At most
{{ level }} speaks against the autoencoder.</li>
<li><b>Real images as near</b>: the share of real images that come as near to any of the {{ families|length }}
autoencoders. Above {{ level }}, nearness proves nothing.</li>
<li>An answer names an autoencoder when the first is above {{ level }} and the second is not. An image of one of
these autoencoders is denied to it with a chance of at most {{ level }}, and a real image is given to any of them with
a chance of at most {{ level }}, <b>if it is like the images of the study</b>: as sharp, as large, as compressed. Where
it is smoother than all of the autoencoder's own images, nearness is not taken for an answer: a smooth picture comes
near to any autoencoder.</li>
<li>Models that share an autoencoder cannot be told apart. An answer tells which autoencoder decoded the image, not who
made it, and not whether it is true. <b>None of these</b> does not mean that a picture is a photograph: another model, a
resize or strong compression leave no trace either.</li>
</ul></details>
{% for image in images %}
<article>
<div>{% if image.picture %}<img class="picture" src="data:image/png;base64,{{ image.picture }}"
  alt="The image {{ image.name }}">{% endif %}<p class="name">{{ image.name }}</p></div>
<div>
<h2>{{ image.headline }}</h2>
{% if image.reason %}<p>{{ image.reason }}</p>{% endif %}
{% if image.evidence %}
<div class="tables"><table><tr><th>autoencoder of</th><th>signal</th><th>own images as far out</th>
<th>real images as near</th><th>looked at</th></tr>
{% for row in image.evidence %}<tr><td>{{ row.label }}</td><td>{{ "%.3f"|format(row.signal) }}</td>
<td>{{ "%.3f"|format(row.p_value) }}</td>
<td>{{ "no real images" if row.corrected_p_value is none else "%.3f"|format(row.corrected_p_value) }}</td>
<td>{{ row.width }}x{{ row.height }}{% if row.offset_rows is not none %} from row {{ row.offset_rows }}, column
{{ row.offset_columns }}{% endif %}</td></tr>
{% endfor %}</table></div>
<img class="plot" src="data:image/png;base64,{{ image.plot }}" alt="The image's signal (line) under each autoencoder,
among the autoencoder's own images and the real images of the study">
{% endif %}
</div>
</article>
{% endfor %}
</html>
"""


def verdict_page(
    verdicts: pd.DataFrame,
    images: pd.DataFrame,
    calibration: Mapping[str, Any],
    reference: pd.DataFrame,
    families: Mapping[str, str],
    level: float,
    max_pixels: int,
) -> str:
    """Return one HTML page, pictures embedded: what `aedr.attribution.attribute` answered, and what it looked at."""
    compared = reference_of(calibration, reference, list(families.values()))
    labels = {name: family_label(calibration["families"][name]["members"]) for name in compared.own}
    pictures = images.set_index("image_id")["image"]
    shown = []
    for row in verdicts.itertuples():
        names = ", ".join(labels[name] for name in row.autoencoders)
        picture = pictures[row.image_id]
        shown.append(
            {
                "name": row.image_id.split("/", 1)[1],
                "picture": _thumbnail(decode_image(picture["bytes"], max_pixels)) if picture is not None else None,
                "headline": HEADLINES[row.verdict].format(names=names),
                "reason": row.reason if isinstance(row.reason, str) else None,
                "evidence": [{"label": labels[e["autoencoder"]], **e} for e in row.evidence],
                "plot": _plot(compared, {e["autoencoder"]: e["signal"] for e in row.evidence}, labels)
                if len(row.evidence)
                else None,
            }
        )
    counts = verdicts["verdict"].value_counts()
    return (
        jinja2.Environment(autoescape=True)
        .from_string(TEMPLATE)
        .render(
            images=shown,
            counts=f"{len(verdicts)} images: "
            + ", ".join(f"{count} {COUNTED[name]}" for name, count in counts.items()),
            metric=calibration["metric"].replace("_", " "),
            signal=calibration["signal"].replace("_", " "),
            level=f"{level:g}",
            families=list(compared.own),
        )
    )


def _thumbnail(pixels: Any) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((448, 448))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _plot(reference: Reference, signals: Mapping[str, float], labels: Mapping[str, str]) -> str:
    """Draw, for each autoencoder, its own images, the real ones, and the image in question."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 0.6 + 0.42 * len(signals)), layout="constrained")
    spread = np.random.default_rng(0)
    for y, (name, value) in enumerate(signals.items()):
        for values, colour, side in ((reference.own[name], "#d81b60", -1), (reference.real[name], "#4a5568", 1)):
            places = y + side * spread.uniform(0.03, 0.3, len(values))
            axes.scatter(values, places, s=5, alpha=0.6, linewidths=0, color=colour)
        axes.plot([value, value], [y - 0.4, y + 0.4], color="black", linewidth=2)
    if reference.signal in RATIOS:
        axes.set_xscale("log")
    axes.set_yticks(range(len(signals)), [labels[name] for name in signals])
    axes.invert_yaxis()
    axes.set_xlabel("signal: own images (pink), real images (grey), this image (line)", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()
