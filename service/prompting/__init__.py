"""Prompts as versioned files: read, checked, chosen, filled."""
