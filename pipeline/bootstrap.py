"""The one place that names adapters and wires the service."""
