"""Robustness: how well damaged images are told apart, with thresholds from untouched images or ones damaged alike."""

from collections.abc import Mapping, Sequence

import pandas as pd

from aedr.scoring.accuracy import evaluate_accuracy, fit_thresholds
from aedr.scoring.methods import PUBLISHED, method_name
from aedr.scoring.protocols import ALIKE, FITTED_ON
from aedr.scoring.signals import compute_all_signals
from aedr.study.rivals import RIVALS
from aedr.study.transform_steps import UNTOUCHED

METHOD = ["metric", "signal"]
# Shown besides AEDR as published, the configured signal and the rivals.
OTHERS_SHOWN = (("mid_frequency", "loss_ratio"), ("mid_frequency", "residual"), ("controlled_l2", "loss_ratio"))

Tables = tuple[pd.DataFrame, pd.DataFrame]


def evaluate_robustness(
    damaged: Tables,
    untouched: Tables,
    own_sources: Mapping[str, set[str]],
    alphas: Mapping[str, float | str],
    inversion: str,
    bandwidth: str,
    held_out: float,
) -> pd.DataFrame:
    """Return one transform's rows of the robustness table, without the column `transform`.

    Every source is damaged. A row's protocol says what parameters and threshold were fitted on: untouched own images,
    or own images damaged alike. Both score the same images.

    Args:
        damaged: losses and homogeneity of the damaged images.
        untouched: losses and homogeneity of the same images without the damage.
        own_sources: for each autoencoder, the sources of its own images.
        alphas, inversion, bandwidth: see `aedr.scoring.accuracy.fit_thresholds`.
        held_out: the share of images that nothing is fitted on.
    """
    before, parameters = compute_all_signals(*untouched, own_sources, held_out)
    before_damage = fit_thresholds(before, alphas, inversion, ["held_out"], bandwidth)
    # Each table of signals is dropped before the next one is made, because a million images' take gigabytes.
    del before
    after, _ = compute_all_signals(*damaged, own_sources, held_out, parameters)
    by_untouched = evaluate_accuracy(after, before_damage).assign(protocol=UNTOUCHED)
    del after
    alike, _ = compute_all_signals(*damaged, own_sources, held_out)
    after_damage = fit_thresholds(alike, alphas, inversion, ["held_out"], bandwidth)
    return pd.concat([by_untouched, evaluate_accuracy(alike, after_damage).assign(protocol=ALIKE)])


def with_untouched(robustness: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the robustness table with untouched images added on top, from the held-out part of the accuracy table.

    For untouched images, both protocols have the same rows, and both are included.
    """
    held_out = accuracy[accuracy["protocol"] == "held_out"].assign(transform=UNTOUCHED)
    both = [held_out.assign(protocol=protocol) for protocol in FITTED_ON]
    return pd.concat([*both, robustness], ignore_index=True)


def summarise_robustness(robustness: pd.DataFrame, real_sources: set[str]) -> pd.DataFrame:
    """Return means over the cells for each transform, protocol, metric and signal, in the order of the transforms.

    `own_images_accepted` is a mean over own sources. All other means leave own sources out.
    """
    key = ["transform", "protocol", *METHOD]
    others = robustness[~robustness["belonging"]]
    real = others["source"].isin(real_sources)
    means = {
        "accuracy": others.groupby(key)["accuracy"],
        "accuracy_against_other_models": others[~real].groupby(key)["accuracy"],
        "accuracy_against_real_images": others[real].groupby(key)["accuracy"],
        "auc": others.groupby(key)["auc"],
        "true_positive_rate_at_1_percent": others.groupby(key)["true_positive_rate_at_1_percent"],
        "own_images_accepted": robustness[robustness["belonging"]].groupby(key)["acceptance_rate"],
    }
    table = pd.DataFrame({name: group.mean() for name, group in means.items()})
    return table.loc[pd.MultiIndex.from_frame(others[key].drop_duplicates())].reset_index()


def cells_side_by_side(robustness: pd.DataFrame, methods: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the accuracy of the cells of `methods`, a column per transform, by thresholds fitted alike."""
    cells = robustness[robustness["protocol"] == ALIKE]
    chosen = [(row.metric, row.signal) in methods for row in cells.itertuples()]
    columns = cells[chosen].pivot(index=[*METHOD, "autoencoder", "source"], columns="transform", values="accuracy")
    return columns[cells["transform"].unique()].reset_index().rename_axis(columns=None)


def shown_methods(means: pd.DataFrame, configured: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """Return the metric and signal of each method that figures show, by its name, if `means` has it.

    These are AEDR as published and its first loss, the `configured` signal, some others and the rivals.
    """
    present = set(means[METHOD].itertuples(index=False, name=None))
    wanted = [
        PUBLISHED,
        ("l2", "first_loss"),
        configured,
        *OTHERS_SHOWN,
        ("cell_l1", "residual"),
        *((rival, "first_loss") for rival in RIVALS),
    ]
    return {method_name(*method): method for method in wanted if method in present}
