"""What an answer means: a picture, an error for good, or one that may pass."""

import email.utils
import time
from dataclasses import dataclass

import requests

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class FetchError:
    """Why a fetch failed; a value, not an exception, so that callers count it.

    `retry`: it may succeed later, but not before `after` seconds.
    """

    reason: str
    detail: str = ""
    retry: bool = False
    after: float | None = None
    url: str = ""  # where it failed, after redirects


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, given as a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def status_error(response: requests.Response) -> FetchError | None:
    """The error of a response's status, or None."""
    code = response.status_code
    if code in (200, 206):
        return None
    after = retry_after(response.headers.get("Retry-After"))
    return FetchError(f"http-{code}", retry=code in TRANSIENT, after=after)
