"""Presentations: the text of each slide in reading order, read from PresentationML."""
