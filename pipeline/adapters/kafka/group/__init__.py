"""Membership in the consumer group: who has which partition, and where it begins to read."""
