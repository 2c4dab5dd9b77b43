"""The only code that touches the outside, one module per outside system."""
