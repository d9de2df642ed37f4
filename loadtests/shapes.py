"""Load shapes for locust: the share of users over the time of a test. The page's "users" are the peak."""

from collections.abc import Callable

from locust import LoadTestShape

_DEFAULT_SECONDS = 3600
_STEPS = 10
_MAX_FAILED_SHARE = 0.1

SHAPES: dict[str, Callable[[float], float]] = {
    # All users until the end, after a short ramp. Run it for hours to find leaks.
    "soak": lambda elapsed: min(1.0, elapsed / 0.05),
    # A linear increase to all users. It shows where latency starts to grow.
    "ramp": lambda elapsed: elapsed,
    # A tenth of the users, and all of them for a fifth of the time. It shows overload and the time to recover.
    "spike": lambda elapsed: 1.0 if 0.4 <= elapsed < 0.6 else 0.1,
    # Ten steps up until the service collapses, which ends the test.
    "collapse": lambda elapsed: (int(elapsed * _STEPS) + 1) / _STEPS,
}
"""Share of the elapsed time to share of the users."""


class SelectedShape(LoadTestShape):
    """The shape that `--shape` or the page selects."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        options = self.runner.environment.parsed_options
        elapsed = self.get_run_time() / (options.run_time or _DEFAULT_SECONDS)
        if elapsed >= 1 or (options.shape == "collapse" and self._has_collapsed(options.slo_ttft)):
            return None
        users = max(1, round((options.num_users or 1) * SHAPES[options.shape](elapsed)))
        return users, max(options.spawn_rate or 1, users / 10)

    def _has_collapsed(self, slo_ttft: float) -> bool:
        """Return whether a tenth of the latest requests failed, or the p95 of TTFT missed its objective."""
        stats = self.runner.stats
        ttft_ms = stats.get("stream", "TTFT").get_current_response_time_percentile(0.95) or 0
        answers = stats.get("stream", "POST")
        failed = answers.current_fail_per_sec > _MAX_FAILED_SHARE * max(answers.current_rps, 0.1)
        if failed or ttft_ms > slo_ttft * 1000:
            print(f"Collapsed at {self.get_current_user_count()} users: TTFT p95 {ttft_ms} ms, failing: {failed}.")
            return True
        return False
