"""Which dead letters are sent again, and as what? Pure."""
