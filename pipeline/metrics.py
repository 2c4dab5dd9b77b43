"""The catalogue of metrics: name, kind, labels, allowed values, help."""
