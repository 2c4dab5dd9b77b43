"""Where drafts of rules are tried out: a process of its own, bounded in time and memory, that writes nothing."""
