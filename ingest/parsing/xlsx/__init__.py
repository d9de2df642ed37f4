"""Parses XLSX with its values as Excel displays them."""
