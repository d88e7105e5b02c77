"""The evertide command line."""
