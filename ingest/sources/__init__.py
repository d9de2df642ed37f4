"""Where raw bytes come from: files, object stores, JSON lines and the web."""
