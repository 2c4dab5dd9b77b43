"""The files with which a repository of rules begins, and how they are written."""
