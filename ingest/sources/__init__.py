"""Sources of raw bytes: files, object stores, JSON lines and the web."""
