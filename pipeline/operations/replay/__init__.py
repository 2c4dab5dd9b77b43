"""Decide which events are replayed for a rule. Pure."""
