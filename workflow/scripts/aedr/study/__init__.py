"""What Snakemake's own process imports to plan a study: light, without NumPy, pandas or torch."""
