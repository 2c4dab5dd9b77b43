"""Decide which dead letters are sent again, and build their records. Pure."""
