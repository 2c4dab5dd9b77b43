"""Stops of single rules: paused by an operator, over `max_per_minute`, or refused by the API."""
