"""Pure: which notice follows from which event. The language, its checks, tests, previews and comparisons."""
