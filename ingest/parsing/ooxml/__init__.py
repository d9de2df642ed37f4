"""What Office files have in common: packages, drawings, equations, and the numbers of lists, charts and sheets."""
