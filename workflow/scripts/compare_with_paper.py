"""Put the paper's figures beside the study's own; read accuracy, thresholds and costs, write the paper table."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def compare_with_paper(
    *,
    accuracy: str,
    thresholds: str,
    losses: Mapping[str, Sequence[str]],
    traced: Mapping[str, Sequence[str]],
    parquet: str,
    csv: str,
    models: Mapping[str, str],
    real_sources: Sequence[str],
) -> None:
    """Write each figure that the paper and the study both have, as Parquet and CSV.

    Args:
        losses: files of losses of each of the paper's models' own images, under its own autoencoder, by model.
        traced: the same by LatentTracer, if it was measured.
        models: what the paper calls each of these models.
        real_sources: the image sets of real images.
    """
    from aedr.scoring import paper
    from aedr.scoring.methods import METHODS, cost_per_image
    from aedr.tables.files import read_cost, read_table, write_table

    parts = {"aedr": METHODS["AEDR as published"].parts, "latent_tracer": METHODS["LatentTracer"].parts}
    seconds = {}
    for method, by_model in {"aedr": losses, "latent_tracer": traced}.items():
        for model, files in by_model.items():
            costs = [read_cost(file) for file in files]
            if any(cost["images"] for cost in costs):
                seconds[model, method] = cost_per_image(costs, parts[method])["seconds_per_image"]
    rows = paper.compare_with_paper(
        read_table(accuracy, "accuracy"), read_table(thresholds, "thresholds"), seconds, models, set(real_sources)
    )
    write_table(parquet, "paper", rows, {})
    rows.to_csv(csv, index=False, float_format="%.4f")


if __name__ == "__main__":
    with job(snakemake):
        from aedr.tables.groups import group_files

        compare_with_paper(
            accuracy=snakemake.input.accuracy,
            thresholds=snakemake.input.thresholds,
            losses=group_files(snakemake.input.losses, snakemake.params.models_of_losses),
            traced=group_files(snakemake.input.traced, snakemake.params.models_of_traced),
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            models=snakemake.params.models,
            real_sources=snakemake.params.real_sources,
        )
