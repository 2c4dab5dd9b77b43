"""The outcomes topic as a ledger: read at an assignment, for what is done above the commits."""
