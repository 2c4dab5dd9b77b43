"""Does every event have its outcomes, each once, in order? Pure: events and outcomes come as they are read."""
