"""Event types: Avro schemas, their fields and values, and events in JSON."""
