"""What checks of sentences find: thresholds on labelled pairs, and the citations of a real model."""
