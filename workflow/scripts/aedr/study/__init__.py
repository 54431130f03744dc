"""What Snakemake's own process imports when it plans a study: light, without NumPy, pandas or torch."""
