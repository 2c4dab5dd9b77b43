"""Cards: messages as customers see them."""
