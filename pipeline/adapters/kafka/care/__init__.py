"""The compacted topic of recipient care: written, read at an assignment, and watched."""
