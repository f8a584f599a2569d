"""Which model answers for which series."""
