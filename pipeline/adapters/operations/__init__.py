"""Kafka readers and writers for audit and redrive."""
