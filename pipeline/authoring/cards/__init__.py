"""Cards: a message as the customer will see it."""
