"""Several worker processes as one service."""
