"""Hypothesis for a run under mutation: few examples, always the same ones, and no search for the smallest.

A pytest plugin (`-p fuzz.few_examples --hypothesis-profile=few-examples`); `mutmut` loads it by its settings in
pyproject.toml, for there every surviving mutant costs the whole of its tests. It weakens the tests, never the mutants.
"""

import pytest
from hypothesis import Phase, settings

MAX_EXAMPLES = 25

settings.register_profile(
    "few-examples",
    max_examples=MAX_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cap what a test asks for itself, which no profile can."""
    for item in items:
        test = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and own.max_examples > MAX_EXAMPLES:
            test._hypothesis_internal_use_settings = settings(own, max_examples=MAX_EXAMPLES)
