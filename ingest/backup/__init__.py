"""Backs up an installation to a folder, and restores it."""
