"""Evaluates drafts of rules in a child process with limits on time and memory, which writes nothing."""
