"""The command `notice-pipeline`."""
