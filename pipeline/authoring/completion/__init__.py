"""Completion and hover for rule, template and test files, for any editor, while the text is half-written."""
