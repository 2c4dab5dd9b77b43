"""Notice Pipeline: domain events from Kafka in, template messages out, one outcome for each."""

__version__ = "0.2.0"
