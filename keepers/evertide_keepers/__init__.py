"""Keepers of Evertide: pure plans on one runner."""
