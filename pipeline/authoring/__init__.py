"""Pure: the tools of rule authors: explanations, previews, comparisons, rule tests and coverage."""
