"""Parses PDF with PDFium."""
