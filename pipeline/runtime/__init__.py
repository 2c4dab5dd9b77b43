"""The loops: carry out what delivery decides; signals, drain, health."""
