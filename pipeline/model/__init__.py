"""What things are: records, events, notices, replies, outcomes, findings. Frozen values and closed vocabularies."""
