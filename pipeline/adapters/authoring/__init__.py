"""Files, revisions and processes for the tools of rule authors."""
