"""Writers: passages become the text of an answer."""
