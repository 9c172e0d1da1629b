"""Formats of data files, one family a file: each reads and writes the same rows."""
