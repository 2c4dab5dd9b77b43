"""Commands that run the service or a part of it."""
