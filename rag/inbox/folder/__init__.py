"""The inbox as a folder with one file per entry."""
