"""Give every query image the first stage's verdict; read the images' losses and a calibration, write verdicts."""

from collections.abc import Sequence

from aedr.jobs import job


def decide_families(
    calibration: str,
    families: str,
    losses: Sequence[str],
    homogeneity: Sequence[str],
    histories: Sequence[str],
    images: Sequence[str],
    output: str,
    asked_output: str,
    level: float,
    confidence: float | None,
) -> None:
    """Write the verdict on each image's family, and which images the models of each family are asked about.

    `families` is the file that `check_calibration` writes. The latter are images, or their copies at other sizes, by
    the names of the families here, as JSON.
    """
    import json
    from pathlib import Path

    import pandas as pd

    from aedr.tables.files import read_table, read_tables, write_table
    from aedr.verdicts.attribution import attribute
    from aedr.verdicts.calibration_file import read_calibration
    from aedr.verdicts.models import images_of_family
    from aedr.verdicts.promise import Promise

    names = json.loads(Path(families).read_text(encoding="utf-8"))
    asked = read_calibration(calibration).asking(names)
    measured = read_tables(losses, "losses")
    verdicts = attribute(
        pd.concat([read_table(path, "images").drop(columns="image") for path in images]),
        measured,
        read_tables(homogeneity, "homogeneity"),
        asked,
        asked.reference(Promise(level, confidence)),
        read_tables(histories, "histories"),
    )
    write_table(output, "verdicts", verdicts, {"settings": {"level": level, "confidence": confidence}})
    images_of = {
        here: images_of_family(verdicts, there, measured[measured["autoencoder"] == here])
        for here, there in names.items()
    }
    Path(asked_output).write_text(json.dumps(images_of, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        decide_families(
            calibration=snakemake.input.calibration,
            families=snakemake.input.families,
            losses=snakemake.input.losses,
            homogeneity=snakemake.input.homogeneity,
            histories=snakemake.input.histories,
            images=snakemake.input.images,
            output=snakemake.output.verdicts,
            asked_output=snakemake.output.asked,
            level=snakemake.params.level,
            confidence=snakemake.params.confidence,
        )
