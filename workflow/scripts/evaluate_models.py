"""Score the second stage on held-out images; read its calibration and errors, write signals, accuracy and costs."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job, warn


def evaluate_models(
    calibration: str,
    errors: Sequence[str],
    families: Sequence[str],
    names: Sequence[tuple[str, str]],
    losses: Sequence[str],
    families_of_losses: Sequence[str],
    outputs: Mapping[str, str],
    score: str,
    is_closed: bool,
    level: float,
    confidence: float | None,
) -> None:
    """Write tables of signals, of answers about held-out images, of accuracy by the number of calls, and of costs.

    Args:
        families: the family of each file of `errors`; `names` the model that was asked and the source.
        losses: files of the losses of the same sources under their families, whose names are `families_of_losses`.
        outputs: files named signals, confusion, confusion_csv, calls, calls_csv, costs and costs_csv.
        score: what verdicts compare; is_closed: as in `Family`; level, confidence: what they promise.
    """
    import pandas as pd

    from aedr.tables.files import read_cost, read_tables, write_table
    from aedr.tables.groups import group_files
    from aedr.verdicts import model_accuracy
    from aedr.verdicts.model_calibration import read_model_calibration
    from aedr.verdicts.models import families_of, signal_rows, warnings_of
    from aedr.verdicts.promise import Promise

    description, rows = read_model_calibration(calibration)
    models = {family: list(asked) for family, asked in description["families"].items()}
    promise = Promise(level, confidence)
    levels = description["settings"]["levels"]
    signals = []
    answers: list[dict[str, object]] = []
    calls: list[dict[str, object]] = []
    by_family = group_files(errors, families)
    for name, family in families_of(rows, models, score, is_closed).items():
        measured = read_tables(by_family[name], "denoising")
        signals.append(signal_rows(family, measured, promise))
        calls += model_accuracy.accuracy_by_calls(family, measured, levels)
        answers += model_accuracy.confusion(family, promise)
        for warning in warnings_of(family, promise):
            warn(warning)
    costs = [
        (family, "denoising", model, read_cost(file))
        for file, family, (model, _) in zip(errors, families, names, strict=True)
    ]
    costs += [
        (family, "reconstruction", family, read_cost(file))
        for file, family in zip(losses, families_of_losses, strict=True)
    ]
    metadata = {"settings": {"score": score, "is_closed": is_closed, "level": level, "confidence": confidence}}
    write_table(outputs["signals"], "model_signals", pd.concat(signals), metadata)
    for table, name, found in (
        ("confusion", "confusion", answers),
        ("denoiser_calls", "calls", calls),
        ("stage_costs", "costs", list(model_accuracy.cost_rows(costs))),
    ):
        write_table(outputs[name], table, found, metadata)
        pd.DataFrame(found).to_csv(outputs[f"{name}_csv"], index=False, float_format="%.4f")


if __name__ == "__main__":
    with job(snakemake):
        evaluate_models(
            calibration=snakemake.input.calibration,
            errors=snakemake.input.errors,
            families=snakemake.params.families,
            names=snakemake.params.names,
            losses=snakemake.input.losses,
            families_of_losses=snakemake.params.families_of_losses,
            outputs=dict(snakemake.output.items()),
            score=snakemake.params.score,
            is_closed=snakemake.params.is_closed,
            level=snakemake.params.level,
            confidence=snakemake.params.confidence,
        )
