"""Search as the configuration has it: on Kafka, in the history, and on a page."""
