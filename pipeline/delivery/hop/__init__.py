"""The hop of recipient care within delivery: intents to write, and what was read before."""
