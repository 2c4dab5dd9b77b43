"""HTTP clients for the notices API, and its tokens."""
