"""Sort autoencoders into families; read all fingerprints tables, write the autoencoders table as Parquet and CSV."""

from collections.abc import Sequence

from aedr.jobs import job


def collect_autoencoders(fingerprints: Sequence[str], parquet: str, csv: str) -> None:
    """Write the families of the autoencoders, which keep the order of the files."""
    from aedr.autoencoders.families import assign_families
    from aedr.tables.files import read_tables, write_table

    autoencoders = assign_families(read_tables(fingerprints, "fingerprints"))
    write_table(parquet, "autoencoders", autoencoders, {})
    autoencoders.assign(shares_encoder_with=autoencoders["shares_encoder_with"].str.join(" ")).to_csv(csv, index=False)


if __name__ == "__main__":
    with job(snakemake):
        collect_autoencoders(snakemake.input, snakemake.output.parquet, snakemake.output.csv)
