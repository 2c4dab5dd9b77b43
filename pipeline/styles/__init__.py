"""Pure: how messages are shown, and what each display style takes."""
