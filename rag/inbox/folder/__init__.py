"""The inbox as a folder: one file per entry."""
