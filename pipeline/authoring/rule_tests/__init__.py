"""Rule tests: running, comparing, reporting, and their coverage."""
