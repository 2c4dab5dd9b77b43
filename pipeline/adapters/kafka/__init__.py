"""Kafka: reading events, group membership, commits, the ledger, outcomes and dead letters."""
