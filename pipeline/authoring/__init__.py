"""The tools of rule authors, pure: explanations, previews, comparisons, rule tests and coverage."""
