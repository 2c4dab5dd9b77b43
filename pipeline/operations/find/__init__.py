"""What became of an event: search by key, text, recipient, event or position, and the timeline of each notice."""
