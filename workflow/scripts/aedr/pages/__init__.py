"""HTML pages: the report of a study, and the verdicts."""
