"""The topic of intents: its records, how they are written, and what a new owner reads back."""
