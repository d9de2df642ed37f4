"""How much of the words of real files our parsers read, compared with well-known extractors."""
