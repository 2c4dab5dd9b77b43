"""The migrations, in order of their numbers. Those of a release are never changed."""
