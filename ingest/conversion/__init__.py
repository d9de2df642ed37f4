"""Text recognition by a parser service: scanned PDFs and images become Markdown."""
