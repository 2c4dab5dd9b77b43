"""What decides about recipients, where recipient care is on."""
