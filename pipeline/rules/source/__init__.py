"""Reading rule files: documents, locations, structure, templates and findings."""
