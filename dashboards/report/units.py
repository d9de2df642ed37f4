"""Numbers with the units that the dashboards' panels name."""

import math


def written(value: float, unit: str) -> str:
    """As short as tells something; a dash where there is no number."""
    if not math.isfinite(value):
        return "-"
    match unit:
        case "s" if 0 < abs(value) < 1:
            return f"{value * 1000:.3g} ms"
        case "s":
            return f"{value:.3g} s" if value < 1000 else f"{value:,.0f} s"
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "reqps":
            return f"{value:.3g} /s"
        case _:
            return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
