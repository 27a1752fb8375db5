"""Types that are what they look like, in gan_color and scrapers alike."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from gan_color import strict_types
from scrapers import strict_types as scrapers_types

BOTH = pytest.mark.parametrize(
    "strict", [strict_types.strict, scrapers_types.strict], ids=["gan_color", "scrapers"]
)
COUNT = Annotated[int, Field(gt=0)]


@BOTH
@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (1e4, int, 10_000),
        (64.0, COUNT | None, 64),
        (1.5, int, 1.5),  # refused by pydantic, in its own words
        (3, float, 3),
        ([1e2, 2], tuple[int, ...], [100, 2]),
        ([1e2, 0.5], tuple[int, float], [100, 0.5]),
        ({"a": 2.0}, dict[str, int], {"a": 2}),
        ("auto", int | Literal["auto"], "auto"),
        (True, bool | int | str, True),
        ("x", Any, "x"),
    ],
)
def test_a_value_of_its_type_is_taken(
    strict: Callable[..., Any], value: object, annotation: object, expected: object
):
    found = strict(value, annotation)
    assert (type(found), found) == (type(expected), expected)


@BOTH
@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ("3", int, "found '3', expected a whole number"),
        ("1e-4", float | None, "found '1e-4', expected a number"),
        ("yes", bool, "found 'yes', expected true or false"),
        (1, bool, "found 1, expected true or false"),
        (True, COUNT, "found true, expected a whole number"),
        (False, float, "found false, expected a number"),
        (["1"], tuple[int, ...], "found '1', expected a whole number"),
        ({"a": True}, dict[str, float], "found true, expected a number"),
    ],
)
def test_another_types_value_is_refused(
    strict: Callable[..., Any], value: object, annotation: object, message: str
):
    with pytest.raises(ValueError, match=f"^{message}$"):
        strict(value, annotation)
