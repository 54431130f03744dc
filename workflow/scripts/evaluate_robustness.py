"""Score one transform; read losses and homogeneity with and without it, write its robustness table."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def evaluate_robustness(
    *,
    damaged: tuple[Mapping[str, Sequence[str]], Sequence[str]],
    untouched: tuple[Mapping[str, Sequence[str]], Sequence[str]],
    autoencoders: str,
    output: str,
    transform: str,
    own_sources: Mapping[str, Sequence[str]],
    alphas: Mapping[str, float | str],
    inversion: str,
    bandwidth: str,
    held_out: float,
) -> None:
    """Write the robustness of every autoencoder, source, metric and signal.

    Only one family's losses and signals are in memory at a time.

    Args:
        damaged, untouched: files of losses by family, those of rivals among them, and files of homogeneity.
        own_sources, alphas: by autoencoder.
    """
    import pandas as pd

    from aedr.autoencoders.families import family_alphas, family_sources, members
    from aedr.errors import UserError
    from aedr.robustness import scores
    from aedr.scoring.protocols import FITTED_ON
    from aedr.tables.files import read_table, read_tables, write_table

    table = read_table(autoencoders, "autoencoders")
    levels = family_alphas(alphas, members(table))
    own = family_sources(table, own_sources)
    of_damaged, of_untouched = (read_tables(files, "homogeneity") for _, files in (damaged, untouched))

    def score(family: str) -> pd.DataFrame:
        return scores.evaluate_robustness(
            (read_tables(damaged[0][family], "losses"), of_damaged),
            (read_tables(untouched[0][family], "losses"), of_untouched),
            own,
            levels,
            inversion,
            bandwidth,
            held_out,
        )

    try:
        rows = pd.concat([score(family) for family in sorted(damaged[0])])
    except UserError as error:
        raise UserError(f"After transforms.{transform}: {error} Or make the transform milder.") from None
    by_protocol = pd.concat([rows[rows["protocol"] == protocol] for protocol in FITTED_ON])
    settings = {"threshold": inversion, "bandwidth": bandwidth, "alphas": levels, "held_out": held_out}
    write_table(output, "robustness", by_protocol.assign(transform=transform), {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        from aedr.tables.groups import group_files

        evaluate_robustness(
            damaged=(
                group_files(snakemake.input.losses, snakemake.params.families_of_losses),
                snakemake.input.homogeneity,
            ),
            untouched=(
                group_files(snakemake.input.untouched_losses, snakemake.params.families_of_untouched),
                snakemake.input.untouched_homogeneity,
            ),
            autoencoders=snakemake.input.autoencoders,
            output=snakemake.output[0],
            transform=snakemake.wildcards.transform,
            own_sources=snakemake.params.own_sources,
            alphas=snakemake.params.alphas,
            inversion=snakemake.params.inversion,
            bandwidth=snakemake.params.bandwidth,
            held_out=snakemake.params.held_out,
        )
