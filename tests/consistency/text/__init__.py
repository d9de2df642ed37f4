"""Documentation, prompts and the page agree with the code."""
