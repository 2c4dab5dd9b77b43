"""Pure: the tools of operators: audit and redrive."""
