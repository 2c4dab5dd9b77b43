"""What people and probes see over HTTP: page, probes, metrics endpoint, rule studio."""
