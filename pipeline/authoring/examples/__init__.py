"""Example events that look like life: names, towns, order numbers and amounts by the names and types of fields."""
