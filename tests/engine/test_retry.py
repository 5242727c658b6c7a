"""The arithmetic of retries."""

import pytest

from lgrun._engine.retry import as_policies, matches, next_delay
from lgrun.types import RetryPolicy, default_retry_on

PLAIN = RetryPolicy(jitter=False, retry_on=Exception)


def no_jitter(low: float, high: float) -> float:
    raise AssertionError("no jitter was asked for")


@pytest.mark.parametrize(
    ("policy", "attempt", "expected"),
    [
        (PLAIN, 1, 0.5),
        (PLAIN, 2, 1.0),
        (PLAIN, 3, None),
        (PLAIN._replace(max_attempts=1), 1, None),
        (PLAIN._replace(max_attempts=0), 1, None),
        (PLAIN._replace(max_attempts=99), 20, 128.0),
        (PLAIN._replace(max_attempts=9999), 5000, 128.0),
        (PLAIN._replace(initial_interval=2, backoff_factor=3, max_attempts=9), 3, 18),
        (PLAIN._replace(retry_on=KeyError), 1, None),
    ],
)
def test_next_delay(policy: RetryPolicy, attempt: int, expected: float | None) -> None:
    """Each wait is a power of the factor, clamped; the last attempt has none."""
    assert next_delay([policy], attempt, ValueError("x"), no_jitter) == expected


def test_jitter_is_added() -> None:
    """Jitter adds up to a second to the wait."""
    policy = PLAIN._replace(jitter=True)

    assert next_delay([policy], 1, ValueError(), lambda low, high: (low + high) * 0.75) == 0.5 + 0.75


def test_the_first_matching_policy_decides() -> None:
    """A later policy that would allow more attempts is not asked."""
    policies = [PLAIN._replace(retry_on=LookupError, max_attempts=2), PLAIN._replace(max_attempts=9)]

    assert next_delay(policies, 2, KeyError(), no_jitter) is None
    assert next_delay(policies, 2, ValueError(), no_jitter) == 1.0


def test_only_exceptions_are_retried() -> None:
    """Neither a cancellation nor the end of the program is."""
    assert next_delay([PLAIN], 1, KeyboardInterrupt(), no_jitter) is None


@pytest.mark.parametrize(
    ("retry_on", "error", "expected"),
    [
        (ValueError, ValueError(), True),
        (ValueError, KeyError(), False),
        ((ValueError, KeyError), KeyError(), True),
        ([ValueError], ValueError(), True),
        (lambda e: "x" in str(e), ValueError("x"), True),
        (lambda e: "x" in str(e), ValueError("y"), False),
    ],
)
def test_matches(retry_on: object, error: Exception, expected: bool) -> None:
    """`retry_on` is a class, several, or a function."""
    assert matches(RetryPolicy(retry_on=retry_on), error) is expected  # type: ignore[arg-type]


def test_an_instance_as_retry_on_is_refused() -> None:
    """An exception object is a mistake that is named."""
    with pytest.raises(TypeError, match="retry_on must be"):
        matches(RetryPolicy(retry_on=ValueError("x")), ValueError())  # type: ignore[arg-type]


class _Response:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def _http_error(status: int) -> Exception:
    kind = type("HTTPStatusError", (Exception,), {"__module__": "httpx._exceptions"})
    error: Exception = kind("http")
    error.response = _Response(status)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(), True),
        (_http_error(503), True),
        (_http_error(404), False),
        (TimeoutError(), False),
        (FileNotFoundError(), False),
        (ValueError(), False),
        (KeyError(), False),
        (RuntimeError(), False),
        (AttributeError(), True),
        (AssertionError(), True),
        (EOFError(), True),
        (type("Custom", (Exception,), {})(), True),
    ],
)
def test_default_rule(error: Exception, expected: bool) -> None:
    """Connection errors, server errors and unknown exceptions are worth another attempt."""
    assert default_retry_on(error) is expected


def test_as_policies() -> None:
    """None, one, or several."""
    assert as_policies(None) == ()
    assert as_policies(PLAIN) == (PLAIN,)
    assert as_policies([PLAIN, PLAIN]) == (PLAIN, PLAIN)
