"""Judges: how far they agree with people, and what they say of answers."""
