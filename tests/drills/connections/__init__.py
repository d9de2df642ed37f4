"""What searches see while a Qdrant server is away, silent, or replacing a document."""
