"""What Word documents and presentations have in common: packages, drawings, equations and numbers."""
