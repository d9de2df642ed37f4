"""Where raw bytes come from: files, folders, URLs."""
