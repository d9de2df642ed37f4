"""How the number of locust's users goes over the time of a test; the page's "users" are those of the peak."""

from collections.abc import Callable

from locust import LoadTestShape

_UNLIMITED_SECONDS = 3600
_STEPS = 10
_MOST_FAILED = 0.1

SHAPES: dict[str, Callable[[float], float]] = {
    # All of them until the end, after a gentle start: run it for hours, to see what leaks.
    "soak": lambda passed: min(1.0, passed / 0.05),
    # Evenly up to all of them: to see where times begin to grow.
    "ramp": lambda passed: passed,
    # A tenth of them, and all at once for a fifth of the time: to see what is refused, and how soon it is well again.
    "spike": lambda passed: 1.0 if 0.4 <= passed < 0.6 else 0.1,
    # Up in ten steps until the service collapses, which ends the test.
    "collapse": lambda passed: (int(passed * _STEPS) + 1) / _STEPS,
}
"""Share of the time that has passed to share of the users."""


class Shape(LoadTestShape):
    """The one that `--shape` or the page names."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        options = self.runner.environment.parsed_options
        passed = self.get_run_time() / (options.run_time or _UNLIMITED_SECONDS)
        if passed >= 1 or (options.shape == "collapse" and self._has_collapsed(options.slo_ttft)):
            return None
        users = max(1, round((options.num_users or 1) * SHAPES[options.shape](passed)))
        return users, max(options.spawn_rate or 1, users / 10)

    def _has_collapsed(self, slo_ttft: float) -> bool:
        """In the last seconds a tenth failed or was refused, or the p95 of TTFT was past its objective."""
        stats = self.runner.stats
        first_text = stats.get("stream", "TTFT").get_current_response_time_percentile(0.95) or 0
        answers = stats.get("stream", "POST")
        failed = answers.current_fail_per_sec > _MOST_FAILED * max(answers.current_rps, 0.1)
        if failed or first_text > slo_ttft * 1000:
            print(f"Collapsed at {self.get_current_user_count()} users: TTFT p95 {first_text} ms, failing: {failed}.")
            return True
        return False
