"""Two `FileStore`s of one directory and an `InMemoryStore` are told the same, and agree."""

import tempfile
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from lgrun.store import file
from lgrun.store.base import PutOp
from lgrun.store.file import FileStore
from lgrun.store.memory import InMemoryStore

labels = st.sampled_from(["a", "b", "é", "\ud800", "*"])
spaces = st.lists(labels, min_size=1, max_size=3).map(tuple)
values = st.none() | st.dictionaries(
    st.sampled_from(["n", "$lgrun", "\ud800"]), st.integers() | st.text() | st.tuples(st.floats())
)
puts = st.builds(PutOp, spaces, st.sampled_from("xyz"), values, ttl=st.sampled_from([None, None, 0, 1, 5]))
steps = st.tuples(
    st.sampled_from(["first", "second", "new"]), st.lists(puts, min_size=1, max_size=4), st.integers(0, 90)
)


def everything(store: Any) -> Any:
    found = store.search((), limit=1000, refresh_ttl=False)
    return [repr(item) for item in found], store.list_namespaces(limit=1000)


@given(st.lists(steps, min_size=4, max_size=12), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_they_agree(told: Any, compacts: bool) -> None:
    """Whoever is told, whatever was there before, whatever time has passed, and across compactions."""
    at = [1000.0]
    often = mock.patch.multiple(file, _COMPACTED_FROM=2 if compacts else 1000, _COMPACTED_AT=1)
    with tempfile.TemporaryDirectory() as directory, often:

        def make() -> FileStore:
            return FileStore(f"{directory}/state", now=lambda: at[0])

        stores = {"first": make(), "second": make()}
        model = InMemoryStore(now=lambda: at[0])
        for who, ops, seconds in told:
            store = make() if who == "new" else stores[who]
            store.batch(ops)
            model.batch(ops)
            at[0] += seconds
            expected = everything(model)
            assert [everything(each) for each in (*stores.values(), make())] == [expected] * 3
