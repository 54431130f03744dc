"""Score one transform; read losses and homogeneity with and without it, write its robustness table."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def evaluate_robustness(
    *,
    damaged: tuple[Sequence[str], Sequence[str]],
    untouched: tuple[Sequence[str], Sequence[str]],
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

    `damaged` and `untouched` are files of losses and files of homogeneity. `own_sources` and `alphas` have an entry per
    autoencoder.
    """
    from aedr.autoencoders.families import family_alphas, family_sources, members
    from aedr.errors import UserError
    from aedr.robustness import scores
    from aedr.tables.files import read_table, read_tables, write_table

    table = read_table(autoencoders, "autoencoders")
    levels = family_alphas(alphas, members(table))
    try:
        rows = scores.evaluate_robustness(
            (read_tables(damaged[0], "losses"), read_tables(damaged[1], "homogeneity")),
            (read_tables(untouched[0], "losses"), read_tables(untouched[1], "homogeneity")),
            family_sources(table, own_sources),
            levels,
            inversion,
            bandwidth,
            held_out,
        )
    except UserError as error:
        raise UserError(f"After transforms.{transform}: {error} Or make the transform milder.") from None
    settings = {"threshold": inversion, "bandwidth": bandwidth, "alphas": levels, "held_out": held_out}
    write_table(output, "robustness", rows.assign(transform=transform), {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        evaluate_robustness(
            damaged=(snakemake.input.losses, snakemake.input.homogeneity),
            untouched=(snakemake.input.untouched_losses, snakemake.input.untouched_homogeneity),
            autoencoders=snakemake.input.autoencoders,
            output=snakemake.output[0],
            transform=snakemake.wildcards.transform,
            own_sources=snakemake.params.own_sources,
            alphas=snakemake.params.alphas,
            inversion=snakemake.params.inversion,
            bandwidth=snakemake.params.bandwidth,
            held_out=snakemake.params.held_out,
        )
