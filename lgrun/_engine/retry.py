"""When to try again. Pure: randomness is an argument.

The rules are LangGraph's: of several policies the first whose `retry_on` matches decides; the wait before attempt
n + 1 is `initial_interval * backoff_factor ** (n - 1)`, at most `max_interval`, plus up to one second of jitter.
"""

from collections.abc import Callable, Sequence

from lgrun.types import RetryPolicy


def as_policies(policy: RetryPolicy | Sequence[RetryPolicy] | None) -> tuple[RetryPolicy, ...]:
    """Read the `retry_policy` argument: none, one, or several."""
    if policy is None:
        return ()
    if isinstance(policy, RetryPolicy):
        return (policy,)
    return tuple(policy)


def matches(policy: RetryPolicy, error: Exception) -> bool:
    """Tell whether a policy covers an error.

    Raises:
        TypeError: `retry_on` is neither an exception class, nor several, nor a function.
    """
    rule = policy.retry_on
    if isinstance(rule, type) and issubclass(rule, BaseException):
        return isinstance(error, rule)
    if isinstance(rule, Sequence):
        return isinstance(error, tuple(rule))
    if callable(rule) and not isinstance(rule, type):
        return bool(rule(error))
    raise TypeError(f"retry_on must be an exception class, a sequence of them or a function of the error, not {rule!r}")


def next_delay(
    policies: Sequence[RetryPolicy],
    attempt: int,
    error: BaseException,
    uniform: Callable[[float, float], float],
) -> float | None:
    """Return how many seconds to wait before the next attempt, or None if there is none.

    Args:
        policies: in order of precedence.
        attempt: number of the attempt that failed, from 1.
        error: what it raised. Only an Exception is ever retried.
        uniform: `random.uniform` or a stand-in.
    """
    if not policies or not isinstance(error, Exception):
        return None
    policy = next((p for p in policies if matches(p, error)), None)
    if policy is None or attempt >= policy.max_attempts:
        return None
    try:
        delay = policy.initial_interval * policy.backoff_factor ** (attempt - 1)
    except OverflowError:
        delay = policy.max_interval
    delay = min(policy.max_interval, delay)
    return delay + uniform(0, 1) if policy.jitter else delay
