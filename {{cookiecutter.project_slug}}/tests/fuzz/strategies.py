"""Settings and strategies that several fuzz tests share."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

each = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    # All examples can use the same service.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
