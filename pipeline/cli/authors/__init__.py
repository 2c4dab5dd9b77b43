"""Commands for rule authors and for those who emit events."""
