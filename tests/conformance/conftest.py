"""These tests measure by the functions of the benchmarks on the reference data."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/reference"))
