"""Damage to files, for the tests that try it by the score, or with HYPOTHESIS_PROFILE=long by the thousand."""

import os

import pytest
from hypothesis import HealthCheck, settings, strategies as st

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES = 2500 if LONG else 20
KILLS = 20 if LONG else 5  # of what goes on by the machinery that test_survival.py kills twenty times
tries = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
long_limit = pytest.mark.timeout(6 * 3600 if LONG else 600)


@st.composite
def damaged(draw, content, within=None):
    """Bytes, part of which is overwritten, cut out or inserted (within the first so many bytes)."""
    start = draw(st.integers(0, within or len(content)))
    end = draw(st.integers(start, min(len(content), start + draw(st.sampled_from((1, 8, 10**9))))))
    return content[:start] + draw(st.binary(max_size=8)) + content[end:]


def anything(*words):
    """Any plain value that JSON can hold, some of these words among them."""
    numbers = st.integers(-1, 2000) | st.integers() | st.floats()
    return st.recursive(
        st.none() | st.booleans() | numbers | st.text(max_size=8) | st.sampled_from(words),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3),
        max_leaves=5,
    )
