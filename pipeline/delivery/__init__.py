"""Pure: when and in which order notices leave, what a reply means, and what may be committed."""
