"""Writes a rule, a template and tests for an event type, from what its schema says."""
