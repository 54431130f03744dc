"""Make the prompts table from a text file of prompts."""

from aedr.jobs import job


def read_prompts(prompts: str, output: str) -> None:
    """Write the prompts of the file `prompts`, one per line or `NNN: prompt`, as a prompts table."""
    from aedr.study.prompt_files import read_prompt_file

    found = read_prompt_file(prompts)

    from aedr.tables.files import write_table

    rows = [{"prompt_id": f"{number:05d}", "prompt": prompt} for number, prompt in enumerate(found)]
    write_table(output, "prompts", rows, {"settings": {"file": prompts}})


if __name__ == "__main__":
    with job(snakemake):
        read_prompts(snakemake.input[0], snakemake.output[0])
