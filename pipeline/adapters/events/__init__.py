"""Events: decoding, encoding, schemas and the schema registry."""
