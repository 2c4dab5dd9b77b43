"""What `check` finds beyond compiling: warnings, notes, and faults in rule tests."""
