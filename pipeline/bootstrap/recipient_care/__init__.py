"""What the service needs where recipient care is on: the intents topic with both roles, and the state of recipients."""
