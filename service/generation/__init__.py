"""Text generation: a prompt becomes a stream of text."""
