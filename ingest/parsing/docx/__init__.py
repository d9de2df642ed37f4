"""Word documents: the text of the printed page, read from WordprocessingML."""
