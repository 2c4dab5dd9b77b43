"""Pure: display styles. One module for each: the limits of its fields, how it counts, what its card shows."""
