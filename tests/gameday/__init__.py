"""A game day on one machine: the stack up, faults injected one by one, and which alert each of them raises."""
