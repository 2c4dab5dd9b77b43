"""A language server (LSP 3.17) for rule, template and test files; it needs the extra `authors`."""
