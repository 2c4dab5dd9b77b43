"""The domain's values: records, events, notices, replies, outcomes, findings. Frozen values and closed enums."""
