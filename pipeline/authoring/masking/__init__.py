"""Real events for people to look at: what names recipients and other people is replaced by values of the same shape."""
