"""Check that every event has its outcomes, each once, in order. Pure: the caller reads events and outcomes."""
