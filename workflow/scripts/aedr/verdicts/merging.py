"""Calibrations of several studies as one: what each of them measured, and nothing that none did."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from aedr.errors import UserError
from aedr.scoring.signals import FittedParameters, add_signals
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.calibration_file import IDENTITY

# What may differ from autoencoder to autoencoder. All else is one setting of a study, and of the query.
OF_AN_AUTOENCODER = ("precision", "quantise", "resize_to")
# Studies that agree are refused with at most this chance, however many families they share.
LEVEL = 0.01


def merge_calibrations(studies: Mapping[str, Calibration]) -> Calibration:
    """Return one calibration for the families of all studies.

    A family that several studies measured has the name and the fitted parameters of the first; signals of the others
    are computed again with these, and must be distributed alike. Sources of one name that hold different images stay
    different sources. Real images count only if they were measured under all families, others as far as they were.

    Args:
        studies: each study's calibration, by the name of its file.

    Raises:
        UserError: the studies cannot be merged; one message with a line for every reason.
    """
    _refuse([*_unequal_settings(studies), *_unequal_families(studies)])
    names: dict[tuple[str, ...], str] = {}
    families: dict[str, dict[str, Any]] = {}
    for study in studies.values():
        for own_name, family in study.description["families"].items():
            name = names.setdefault(_weights(family), own_name)
            families[name] = _joined(families[name], family) if name in families else dict(family)
    first = next(iter(studies.values())).description
    parts = [
        _with_parameters(study, {own: names[_weights(family)] for own, family in study.families.items()}, families)
        for study in studies.values()
    ]
    _refuse(_disagreements(dict(zip(studies, parts, strict=True)), first["signal"]))
    real_sources = _rename_sources(parts, [set(study.description["real_sources"]) for study in studies.values()])
    rows = pd.concat([part.assign(study=number) for number, part in enumerate(parts)], ignore_index=True)
    rows = _only_comparable(rows, real_sources, [set(part["autoencoder"]) for part in parts])
    if real_sources and not rows["source"].isin(real_sources).any():
        _refuse(
            [
                f"no real image was measured under all of {', '.join(families)}, so nothing could be promised about "
                "photographs. Give each study the same image set of real images, and export their calibrations again"
            ]
        )
    versions = [study.description["versions"] for study in studies.values()]
    description = {
        **first,
        "studies": len(studies),
        "real_sources": sorted(real_sources & set(rows["source"])),
        "versions": {
            package: ", ".join(dict.fromkeys(str(of[package]) for of in versions if package in of))
            for package in sorted(set().union(*versions))
        },
        "families": families,
    }
    return Calibration(description, rows, {name: name for name in families})


def _refuse(problems: list[str]) -> None:
    if problems:
        raise UserError("The calibrations cannot be merged:\n  " + "\n  ".join(problems))


def _weights(family: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(family[key] for key in IDENTITY)


def _unequal_settings(studies: Mapping[str, Calibration]) -> Iterator[str]:
    """Yield which studies were made with other settings than the first, a line each."""
    (first_file, first), *others = studies.items()
    for file, study in studies.items():
        if study.description.get("studies", 1) > 1:
            yield f"{file} is merged already; name the files that it was merged from, all at once"
    for file, study in others:
        for key in ("metric", "second_metric", "signal"):
            here, there = study.description[key], first.description[key]
            if here != there:
                yield f"{file}: {key} is {here}, and {there} in {first_file}; export both with the same attribution"
        expected, found = (next(iter(of.families.values()))["preprocessing"] for of in (first, study))
        for key in sorted({*expected, *found} - set(OF_AN_AUTOENCODER)):
            if expected.get(key) != found.get(key):
                yield (
                    f"{file}: {key} is {found.get(key)}, and {expected.get(key)} in {first_file}; make them equal in "
                    "the studies and export them again"
                )


def _unequal_families(studies: Mapping[str, Calibration]) -> Iterator[str]:
    """Yield which families have the name of other weights or were prepared in another way elsewhere, a line each."""
    by_name: dict[str, tuple[str, Any]] = {}
    by_weights: dict[tuple[str, ...], tuple[str, Any]] = {}
    for file, study in studies.items():
        for name, family in study.families.items():
            first_file, first = by_name.setdefault(name, (file, family))
            if _weights(first) != _weights(family):
                yield (
                    f"{file}: {name} has other weights (decoder {family['decoder_sha256'][:12]}) than in {first_file} "
                    f"({first['decoder_sha256'][:12]}); rename it in one study (autoencoder: {{name: ...}})"
                )
            first_file, first = by_weights.setdefault(_weights(family), (file, family))
            expected, found = first["preprocessing"], family["preprocessing"]
            for key in OF_AN_AUTOENCODER:
                if expected.get(key) != found.get(key):
                    yield (
                        f"{file}: {key} of {name} is {found.get(key)}, and {expected.get(key)} in {first_file}; make "
                        "them equal in the studies and export them again"
                    )


def _joined(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a family's description by the first study, with the members and origins that another study knows."""
    lists = ("members", "repositories", "revisions")
    return dict(first) | {key: list(dict.fromkeys([*first.get(key, []), *other.get(key, [])])) for key in lists}


def _with_parameters(
    study: Calibration, names: Mapping[str, str], families: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return a study's rows under the names of `families`, their signals computed with the parameters of `families`."""
    signal, parts = study.signal, []
    for (own_name, metric), rows in study.rows.groupby(["autoencoder", "metric"], sort=False):
        name = names[str(own_name)]
        parameters = FittedParameters(**families[name]["fitted"][metric])
        parts.append(rows.assign(autoencoder=name, value=add_signals(rows, parameters)[signal]))
    return pd.concat(parts)


def _disagreements(parts: Mapping[str, pd.DataFrame], signal: str) -> list[str]:
    """Return which studies' own images of a family differ in their signals from those of the first, a line each.

    They are compared by the test of Kolmogorov and Smirnov, one image of each group, at `LEVEL` for all comparisons
    together (Bonferroni). Its statistic is the most that a p-value of the one is wrong for images of the other.
    """
    first: dict[tuple[str, str], tuple[str, pd.Series]] = {}
    compared = []
    for file, part in parts.items():
        for key, rows in part[part["belonging"]].groupby(["autoencoder", "metric"], sort=False):
            values = rows.drop_duplicates("group")["value"]
            first_file, expected = first.setdefault(key, (file, values))
            if first_file != file:
                compared.append((file, first_file, key, ks_2samp(expected, values)))
    return [
        f"{file}: own images of {family} have another {signal} by {metric} than in {first_file} (distributions differ "
        f"by up to {test.statistic:.2f}, p = {test.pvalue:.2g}). The studies differ in contents, sizes or settings; "
        f"make them alike, or leave {family} out of one study with select, and export again"
        for file, first_file, (family, metric), test in compared
        if test.pvalue <= LEVEL / len(compared)
    ]


def _rename_sources(parts: list[pd.DataFrame], real_sources: list[set[str]]) -> set[str]:
    """Rename, in place in the list, sources that an earlier study has with other images; return those that are real.

    Images are the same if they have one id and one homogeneity, which follows from all pixels.
    """
    known: dict[str, dict[str, pd.Series]] = {}
    real: set[str] = set()
    not_real: set[str] = set()
    for number, part in enumerate(parts):
        labels = {}
        images = part.drop_duplicates("image_id").set_index("image_id")
        for source, homogeneity in images["homogeneity"].groupby(images["source"]):
            variants = known.setdefault(str(source), {})
            same = (name for name, other in variants.items() if _are_same(homogeneity, other))
            label = next(same, f"{source} (study {number + 1})" if variants else str(source))
            variants[label] = homogeneity.combine_first(variants.get(label, homogeneity))
            labels[source] = label
            (real if source in real_sources[number] else not_real).add(label)
        # Their images and groups are others too, whatever their ids are.
        suffix = part["source"].map({source: label.removeprefix(source) for source, label in labels.items()})
        parts[number] = part.assign(
            source=part["source"].map(labels), image_id=part["image_id"] + suffix, group=part["group"] + suffix
        )
    _refuse(
        [f"the images of {name} are real in one study and not in another; make them equal" for name in real & not_real]
    )
    return real


def _are_same(homogeneity: pd.Series, other: pd.Series) -> bool:
    common = homogeneity.index.intersection(other.index)
    return len(common) > 0 and np.allclose(homogeneity[common], other[common], rtol=1e-6, atol=0)


def _only_comparable(rows: pd.DataFrame, real_sources: set[str], families: list[set[str]]) -> pd.DataFrame:
    """Return the rows that p-values may be computed from, each image once under each family.

    An image is ranked with others under all families that its kind was measured under. One that was measured under
    fewer would seem far from the rest. So real images must have been measured under all families, and of every other
    source those images count that were measured under the most.
    """
    images = rows.groupby("image_id").agg({"source": "first", "study": frozenset})
    images["measured"] = [frozenset().union(*(families[number] for number in each)) for each in images["study"]]
    most = {
        source: max(sorted(set(measured), key=sorted), key=len)
        for source, measured in images["measured"].groupby(images["source"])
    } | dict.fromkeys(real_sources, frozenset().union(*families))
    is_comparable = images["measured"] == images["source"].map(most)
    # The own images of a source that an earlier study has too may be those that it fitted its parameters on.
    own = rows[rows["belonging"]]
    earliest = own.groupby(["autoencoder", "source"])["study"].transform("min")
    late = own.index[own["study"] > earliest]
    kept = rows[rows["belonging"] | rows["image_id"].map(is_comparable)].drop(index=late)
    kept = kept.drop_duplicates(["autoencoder", "image_id", "metric"])
    return kept.drop(columns="study").sort_values(["autoencoder", "metric"], kind="stable", ignore_index=True)
