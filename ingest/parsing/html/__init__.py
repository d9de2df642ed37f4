"""Parses HTML into the text that a reader of the page sees."""
