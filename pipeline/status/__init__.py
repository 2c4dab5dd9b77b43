"""Whether the service is well, and what is wrong if it is not."""
