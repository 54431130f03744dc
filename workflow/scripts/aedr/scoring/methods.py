"""Named methods, including rivals, and their comparison: how accurate each one is, and what it costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aedr.study.rivals import RIVALS
from aedr.tables.columns import MEASURES, OPPONENTS

MEAN = "(mean)"
# The metric and the signal of AEDR as published.
PUBLISHED = ("l2", "calibrated_ratio")

# The names of signals in texts.
SIGNAL_NAMES = {
    "first_loss": "first loss",
    "loss_ratio": "loss ratio",
    "calibrated_ratio": "loss ratio x homogeneity",
    "power_ratio": "loss ratio x fitted power of homogeneity",
    "capped_ratio": "loss ratio with the second loss capped",
    "residual": "residual of log first loss on log second loss",
}


@dataclass(frozen=True)
class Method:
    """The metric and the signal of a named method, and the parts of a job's work that it needs."""

    metric: str
    signal: str
    parts: tuple[str, ...]


TWICE = ("first_reconstruction", "second_reconstruction")
METHODS = {
    "AEDR as published": Method(*PUBLISHED, (*TWICE, "l2")),
    "loss ratio": Method("l2", "loss_ratio", (*TWICE, "l2")),
    "first loss alone": Method("l2", "first_loss", ("first_reconstruction", "l2")),
    "high-frequency ratio": Method("high_frequency", "loss_ratio", (*TWICE, "high_frequency")),
    "fitted residual": Method("high_frequency", "residual", (*TWICE, "high_frequency")),
}
SEEN = ("observing", "orientations", "observed_reconstruction")
METHODS |= {
    "controlled residual": Method("cell_l1", "residual", (*SEEN, "control")),
    "refined ratio": Method("refined_l2", "capped_ratio", (*SEEN, "refinement")),
}
METHODS |= {rival.name: Method(key, "first_loss", ("measuring",)) for key, rival in RIVALS.items()}
METHODS |= {
    rival.ratio_name: Method(key, "loss_ratio", ("measuring",))
    for key, rival in RIVALS.items()
    if rival.ratio_name is not None
}


def metric_name(metric: str) -> str:
    """Return the name of a metric or a rival in texts."""
    return RIVALS[metric].name if metric in RIVALS else metric.replace("_", "-")


def short_signal_name(signal: str) -> str:
    """Return the name of a signal where there is little room."""
    return signal.replace("_", " ")


def axis_name(metric: str, signal: str) -> str:
    """Return the label of an axis that shows a signal of a metric."""
    return f"{short_signal_name(signal)} ({metric_name(metric)})"


def view_name(metric: str, signal: str) -> str:
    """Return the name of a signal of a metric in texts."""
    return f"{metric_name(metric)}, {SIGNAL_NAMES[signal]}"


def method_name(metric: str, signal: str) -> str:
    """Return the name of the method with this metric and signal, or the names of both if no method has them."""
    named = (name for name, method in METHODS.items() if (method.metric, method.signal) == (metric, signal))
    return next(named, f"{metric_name(metric)}, {short_signal_name(signal)}")


def compare_methods(
    accuracy: pd.DataFrame,
    reconstruction_costs: Mapping[str, Sequence[Mapping[str, Any]]],
    rival_costs: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]],
    real_sources: set[str],
) -> pd.DataFrame:
    """Return the methods table: each method under each autoencoder, then its mean over the autoencoders.

    Seconds are those of the parts that a method needs (`aedr.costs`), without loading, reading and decoding. They
    include both losses of a metric, but not homogeneity, which another job measures. Memory is that of the largest job;
    a job of double reconstruction measures all metrics.

    Args:
        accuracy: the accuracy table.
        reconstruction_costs: by autoencoder, the costs of each job of double reconstruction.
        rival_costs: by rival and autoencoder, the costs of each of the rival's jobs.
        real_sources: the image sets of real images; all other sources are other models.
    """
    rows = []
    cells = accuracy[~accuracy["belonging"]]
    kinds = np.where(cells["source"].isin(real_sources), *reversed(OPPONENTS))
    measured = set(cells["metric"])
    for name, method in METHODS.items():
        if method.metric not in measured:
            continue
        chosen = (cells["metric"] == method.metric) & (cells["signal"] == method.signal)
        of_method = []
        for autoencoder, own in cells[chosen].assign(kind=kinds[chosen]).groupby("autoencoder", sort=True):
            costs = rival_costs.get((method.metric, str(autoencoder)), reconstruction_costs[str(autoencoder)])
            of_method.append(
                {"autoencoder": autoencoder, "autoencoder_count": 1}
                | _scores(own)
                | cost_per_image(costs, method.parts)
            )
        numbers = pd.DataFrame(of_method)
        mean = numbers.drop(columns=["autoencoder", "device"]).mean().to_dict()
        of_method.append(
            mean
            | {
                "autoencoder": MEAN,
                "autoencoder_count": len(numbers),
                "peak_memory_bytes": numbers["peak_memory_bytes"].max(),
                "device": _names(numbers["device"]),
            }
        )
        rows += [{"method": name, "metric": method.metric, "signal": method.signal} | row for row in of_method]
    return pd.DataFrame(rows)


def _scores(cells: pd.DataFrame) -> dict[str, float]:
    """Return means over the sources of each kind, on held-out images; accuracy also on the same images as fitted."""
    scores: dict[str, float] = {}
    for kind in OPPONENTS:
        of_kind = cells[cells["kind"] == kind]
        held_out = of_kind[of_kind["protocol"] == "held_out"]
        same_images = of_kind.loc[of_kind["protocol"] == "same_images", "accuracy"]
        values = [*(held_out[measure].mean() for measure in MEASURES[:-1]), same_images.mean()]
        scores |= {f"{measure}_against_{kind}": value for measure, value in zip(MEASURES, values, strict=True)}
    return scores


def cost_per_image(costs: Sequence[Mapping[str, Any]], parts: Sequence[str]) -> dict[str, Any]:
    """Return the mean seconds of `parts` for an image, the largest job's memory in bytes, and the devices.

    Args:
        costs: what jobs cost, as `aedr.costs` records it; at least one of them worked on an image.
    """
    worked = [cost for cost in costs if cost["images"]]
    seconds = sum(cost["parts"].get(part, 0.0) for cost in worked for part in parts)
    return {
        "seconds_per_image": seconds / sum(cost["images"] for cost in worked),
        "peak_memory_bytes": max(cost["peak_memory_bytes"] for cost in worked),
        "device": _names(cost["device"] for cost in worked),
    }


def _names(devices: Iterable[str]) -> str:
    return ", ".join(sorted(set(devices)))
