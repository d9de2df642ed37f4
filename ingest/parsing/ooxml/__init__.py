"""Parts that Office files share: packages, drawings, equations, and the numbers of lists, charts and sheets."""
