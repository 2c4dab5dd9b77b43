"""The history: outcomes in a database, for search. Needs the extra `history`."""
