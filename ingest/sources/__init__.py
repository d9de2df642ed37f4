"""Where raw bytes come from: files, object stores, streams of lines, the web."""
