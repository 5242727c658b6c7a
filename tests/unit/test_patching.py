"""Values as patches: the changes, applied, give the value to the byte; the ways to it stay short, and the files few."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgrun.checkpoint.base import Checkpoint, Saved
from lgrun.checkpoint.doctor import examine
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.patching import SMALL, Link, applied, base_for, changes_between, is_worth_it
from lgrun.checkpoint.serde import encode
from lgrun.errors import DamagedStateError, StateError

keys = st.sampled_from(["a", "b", "", "$lgrun", "v", "0", "ä", "\0"]) | st.text(max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
    | st.sampled_from([0, 1, 1.0, -0.0, True, False, "x" * 100, "x" * 50 + "y" + "x" * 50, 1e16, 1e-7, 5e-324])
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)
PADDING = ["padding" * 3] * 1000


@st.composite
def pairs(draw: Any) -> tuple[Any, Any]:
    """Draw a value and one that was made of it by small changes, or any two."""
    old = draw(trees)
    if draw(st.integers(0, 4)) == 0:
        return old, draw(trees)
    new = orjson.loads(orjson.dumps(old))
    for _ in range(draw(st.integers(1, 3))):
        new = _changed(draw, new)
    return old, new


def _changed(draw: Any, tree: Any) -> Any:
    if isinstance(tree, dict) and tree and draw(st.booleans()):
        key = draw(st.sampled_from(list(tree)))
        match draw(st.integers(0, 3)):
            case 0:
                del tree[key]
            case 1:
                tree[key] = tree.pop(key)  # now its last one
            case _:
                tree[key] = _changed(draw, tree[key])
        return tree
    if isinstance(tree, list) and tree and draw(st.booleans()):
        place = draw(st.integers(0, len(tree) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                del tree[: place + 1]
            case 1:
                tree[place:place] = draw(st.lists(trees, max_size=2))
            case 2:
                tree.extend(draw(st.lists(trees, max_size=2)))
            case _:
                tree[place] = _changed(draw, tree[place])
        return tree
    if isinstance(tree, str) and draw(st.booleans()):
        place = draw(st.integers(0, len(tree)))
        return tree[:place] + draw(st.text(alphabet="xyä🎈", max_size=3)) + tree[place + draw(st.integers(0, 2)) :]
    if isinstance(tree, dict):
        return tree | {draw(keys): draw(trees)}
    return draw(st.sampled_from([1, 1.0, True])) if tree in (0, 1) else draw(trees)


@given(pairs(), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_changes_make_the_value_to_the_byte(pair: tuple[Any, Any], inside: bool) -> None:
    """Equal types, the order of keys, what looks like a tag. (Beside so much that stays, all is worth it.)"""
    old, new = ({"inner": tree, "stay": PADDING} if inside else [PADDING, tree] for tree in pair)
    before, after = orjson.dumps(old), orjson.dumps(new)
    changes = changes_between(before, after)
    assert changes is not None
    assert orjson.dumps(applied(orjson.loads(before), orjson.loads(changes))) == after


def test_changes_are_small_and_readable() -> None:
    """What is appended, replaced, taken away is said as such."""
    stay = {"role": "user", "content": "x" * 5000}
    for old, new, expected in [
        ([stay], [stay, 1, 2], [{"at": [], "append": [1, 2]}]),
        ({"m": [stay], "n": 1}, {"m": [stay, 1], "n": 1}, [{"at": ["m"], "append": [1]}]),
        ({"n": 1, "m": [stay]}, {"n": 1, "m": [stay, 1]}, [{"at": ["m"], "append": [1]}]),
        ({"m": [stay], "n": []}, {"m": [stay], "n": [1]}, [{"at": ["n"], "append": [1]}]),
        ([stay, {"a": 1}], [stay, {"a": True}], [{"at": [1, "a"], "set": True}]),
        ([stay, "abc"], [stay, "abcd"], [{"at": [1], "append": "d"}]),
        ([stay, 1, 2], [stay], [{"at": [], "splice": [1, 2, []]}]),
        ([1, 2, stay], [2, stay, 3], [{"at": [], "splice": [0, 1, []]}, {"at": [], "append": [3]}]),
        ([1, stay, 2], [1.0, stay, 2, 3], [{"at": [0], "set": 1.0}, {"at": [], "append": [3]}]),
        ({"a": 1, "b": stay}, {"b": stay, "c": 2}, [{"at": [], "drop": ["a"]}, {"at": ["c"], "set": 2}]),
        ("x" * 5000 + "a" + "y" * 5000, "x" * 5000 + "b" + "y" * 5000, [{"at": [], "splice": [5000, 1, "b"]}]),
        ([stay, [1]], [stay, [1, 2], []], [{"at": [], "splice": [1, 1, [[1, 2], []]]}]),
        (stay, stay, []),
    ]:
        assert orjson.loads(changes_between(orjson.dumps(old), orjson.dumps(new)) or b"null") == expected


def test_what_saves_nothing_is_no_patch() -> None:
    """Another value, another order of all keys, a value that doubles, and what nests too deeply around it."""
    large = {f"key {n}": n for n in range(500)}
    assert changes_between(orjson.dumps(large), orjson.dumps(dict(reversed(large.items())))) is None
    assert changes_between(orjson.dumps(large), orjson.dumps(list(large))) is None
    assert changes_between(orjson.dumps([large]), orjson.dumps([large] * 3)) is None
    assert changes_between(b"[" * 253 + b"]" * 253, b"[" * 253 + b"1" + b"]" * 253) is None


@pytest.mark.parametrize(
    "changes",
    [
        None,
        [None],
        [{}],
        [{"at": []}],
        [{"set": 1}],
        [{"at": [], "set": 1, "append": []}],
        [{"at": [], "do": 1}],
        [{"at": "a", "set": 1}],
        [{"at": ["b", 0], "set": 1}],
        [{"at": ["a", 2], "set": 1}],
        [{"at": ["a", -1], "set": 1}],
        [{"at": ["a", True], "set": 1}],
        [{"at": ["a", "0"], "set": 1}],
        [{"at": [0], "set": 1}],
        [{"at": ["a"], "append": "x"}],
        [{"at": ["t"], "append": ["x"]}],
        [{"at": [], "append": {}}],
        [{"at": [], "drop": ["x"]}],
        [{"at": ["a"], "drop": [0]}],
        [{"at": [], "drop": "a"}],
        [{"at": ["a"], "splice": [0, 3, []]}],
        [{"at": ["a"], "splice": [-1, 0, []]}],
        [{"at": ["a"], "splice": [1, -1, []]}],
        [{"at": ["a"], "splice": [True, 0, []]}],
        [{"at": ["a"], "splice": [0, 0, ""]}],
        [{"at": ["a"], "splice": [0, 0]}],
        [{"at": [], "splice": [0, 0, []]}],
    ],
)
def test_changes_that_do_not_fit(changes: Any) -> None:
    """They are a ValueError, whatever is wrong with them."""
    with pytest.raises(ValueError):
        applied({"a": [1, 2], "t": "text"}, changes)


def test_ways_stay_short() -> None:
    """At most 15 values for each digit of the number to base 16; a writer finds every base on the way it knows."""
    way = [Link(1, "", 0, 0)]
    for n in range(1, 70_000):
        place = base_for(way)
        assert way[place].n < n
        way = [*way[: place + 1], Link(n + 1, "", n, 0)]
        assert len(way) <= 1 + 15 * len(f"{n:x}")
    assert [link.n for link in way] == sorted({link.n for link in way})


def test_what_is_worth_it() -> None:
    """A patch is at most half of the value, and those on a way at most three times its whole value."""
    way = [Link(1, "", 0, 1000), Link(2, "", 1, 2000)]
    assert is_worth_it(1000, 2000, way)
    assert not is_worth_it(1001, 2000, way)
    assert not is_worth_it(1001, 5000, way)


# --- on the disk


def checkpoint(seq: int, **values: Any) -> Checkpoint:
    encoded = {name: encode(value) for name, value in values.items()}
    identity = new_checkpoint_id(seq, os.urandom(12))
    return Checkpoint(thread="t", seq=seq, id=identity, kind="end", step=seq, at="", **encoded)


def files_in(directory: Path) -> dict[int, dict[str, Any]]:
    """Return the checkpoints as they are on the disk."""
    found = sorted((directory / "threads" / "t").glob("0*.json"))
    return {int(path.stem): orjson.loads(path.read_bytes()) for path in found}


def way_to(files: dict[int, dict[str, Any]], seq: int, name: str = "save") -> list[int]:
    way = [seq]
    while name in files[way[-1]].get("patches", {}):
        way.append(files[way[-1]]["patches"][name]["base"])
    return way


def grown(directory: Path, turns: int, *, per_claim: int = 1) -> list[Any]:
    """Write a thread whose value gets a message in each checkpoint; return the last value."""
    saver, messages = FileSaver(directory), []
    seq = 0
    while seq < turns:
        claim = saver.claim("t")
        for _ in range(per_claim):
            seq += 1
            messages.append({"n": seq, "text": chr(97 + seq % 26) * 560})
            claim.put(checkpoint(seq, save=messages, value=seq))
        claim.release()
    return messages


def is_right(saved: Saved | None, messages: list[Any]) -> bool:
    assert saved is not None
    assert saved.checkpoint.save is not None
    return bool(saved.checkpoint.save.tree() == messages[: saved.checkpoint.seq])


def test_a_thousand_turns(tmp_path: Path) -> None:
    """What is stored of the value stays near three times the last one, and each is read from few files."""
    messages = grown(tmp_path, 1000, per_claim=5)
    files = files_in(tmp_path)
    stored = [len(orjson.dumps([file.get("save"), file.get("patches")])) for file in files.values()]
    final = len(orjson.dumps(messages))
    assert sum(stored) <= 3.2 * final
    assert max(len(way_to(files, seq)) for seq in files) <= 1 + 15 * 3
    assert sum("save" in file for file in files.values()) <= 10
    saver = FileSaver(tmp_path)
    for seq in (1, 2, 17, 256, 257, 700, 999, 1000):
        assert is_right(saver.load("t", seq), messages)
    assert list(examine(tmp_path)) == []


def test_each_kind_of_claim_goes_on(tmp_path: Path) -> None:
    """Patches follow on patches in another claim, another saver, and after a claim of another thread."""
    messages = grown(tmp_path, 30)
    for other in (False, True):
        saver = FileSaver(tmp_path)
        for seq in range(len(messages) + 1, len(messages) + 20):
            if other:
                elsewhere = saver.claim("u")
                elsewhere.release()
            claim = saver.claim("t")
            assert is_right(claim.load(), messages)
            messages.append({"n": seq, "text": "y" * 560})
            claim.put(checkpoint(seq, save=messages))
            claim.release()
    files = files_in(tmp_path)
    assert all("save" in file or "save" in file["patches"] for file in files.values())
    assert sum("save" in file for file in files.values()) <= 8
    assert all(is_right(saved, messages) for saved in FileSaver(tmp_path).history("t"))


def test_small_values_are_whole(tmp_path: Path) -> None:
    """A patch must save something."""
    claim = FileSaver(tmp_path).claim("t")
    text = "x" * (SMALL - 2)
    for seq in range(1, 4):
        claim.put(checkpoint(seq, save=text, value=["y" * SMALL, seq]))
    claim.release()
    assert ["save" in file for file in files_in(tmp_path).values()] == [True] * 3
    assert ["value" in file for file in files_in(tmp_path).values()] == [True, False, False]


def test_a_checkpoint_between(tmp_path: Path) -> None:
    """A value builds on the latest of its kind, where checkpoints between hold none, also after a crash."""
    long = ["z" * 500] * 10
    saver = FileSaver(tmp_path)
    claim = saver.claim("t")
    claim.put(checkpoint(1, save=long))
    claim.put(checkpoint(2, input="more"))
    claim.put(checkpoint(3, save=[*long, 1]))
    claim.put(checkpoint(4, input="more"))
    claim.release()
    claim = FileSaver(tmp_path).claim("t")
    assert claim.load(3) is not None
    claim.put(checkpoint(5, save=[*long, 1, 2]))
    claim.release()
    files = files_in(tmp_path)
    assert way_to(files, 5) == [5, 3, 1]
    assert files[3]["patches"]["save"]["changes"] == [{"at": [], "append": [1]}]


def test_values_with_tags(tmp_path: Path) -> None:
    """Tuples, lone surrogates and data that looks like a tag come back as they were."""
    from lgrun.checkpoint.serde import decode

    value: list[Any] = [(1, "\ud800"), {"$lgrun": "tuple", "v": [1]}, {2: 3}, 1.5, True, 1] * 40
    claim = FileSaver(tmp_path).claim("t")
    claim.put(checkpoint(1, save=value))
    claim.put(checkpoint(2, save=[*value, ("\udfff",), {"$lgrun": {}}]))
    claim.put(checkpoint(3, save=[*value[:-1], True]))
    claim.release()
    assert [sorted(file.get("patches", {})) for file in files_in(tmp_path).values()] == [[], ["save"], ["save"]]
    saver = FileSaver(tmp_path)
    expected = [value, [*value, ("\udfff",), {"$lgrun": {}}], [*value[:-1], True]]
    for seq, wanted in enumerate(expected, 1):
        saved = saver.load("t", seq)
        assert saved is not None
        assert saved.checkpoint.save is not None
        assert repr(decode(saved.checkpoint.save)) == repr(wanted)


@pytest.mark.parametrize("how", ["missing", "changed", "another"])
def test_a_damaged_base(tmp_path: Path, how: str) -> None:
    """Whatever builds on it is damaged, and says which file is to blame; the others are read."""
    messages = grown(tmp_path, 40)
    files = files_in(tmp_path)
    hurt = way_to(files, 40)[2]
    path = tmp_path / "threads" / "t" / f"{hurt:08d}.json"
    if how == "missing":
        path.unlink()
    elif how == "changed":
        path.write_bytes(path.read_bytes().replace(b"560", b"561").replace(b'"text":"', b'"text":"!', 1))
    else:
        # Of a thread of the same name that went another way: it verifies, and is not what was built on.
        elsewhere = tmp_path / "other"
        grown(elsewhere, 40)
        path.write_bytes((elsewhere / "threads" / "t" / path.name).read_bytes())
    saver = FileSaver(tmp_path)
    for seq in files:
        if hurt not in way_to(files, seq):
            assert is_right(saver.load("t", seq), messages)
        elif seq > hurt:
            with pytest.raises(DamagedStateError, match=path.name):
                is_right(saver.load("t", seq), messages)
    with pytest.raises(DamagedStateError, match=path.name):
        saver.claim("t")
    damaged = [each for each in examine(tmp_path) if each.verdict == "damaged"]
    found = {Path(each.path).stem: each.problem for each in damaged if each.path.endswith(".json")}
    for seq in files:
        if hurt in way_to(files, seq)[1:]:
            assert path.name in found[f"{seq:08d}"]
    assert set(found) <= {f"{seq:08d}" for seq in files if hurt in way_to(files, seq)}


def test_a_thread_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    """A value that was read before and is asked for later is an error, not nothing."""
    grown(tmp_path, 10)
    saver = FileSaver(tmp_path)
    saved = saver.load("t")
    saver.delete_thread("t")
    assert saved is not None
    assert saved.checkpoint.save is not None
    with pytest.raises(StateError, match="deleted"):
        saved.checkpoint.save.tree()


def test_a_base_that_vanishes_in_a_run(tmp_path: Path) -> None:
    """What cannot be built upon any more is not: the value is stored whole."""
    messages = grown(tmp_path, 14)
    claim = FileSaver(tmp_path).claim("t")
    first = way_to(files_in(tmp_path), 14)[-1]
    (tmp_path / "threads" / "t" / f"{first:08d}.json").unlink()
    for seq in range(15, 34):
        messages.append({"n": seq, "text": "w" * 560})
        claim.put(checkpoint(seq, save=messages))
    claim.release()
    assert any("save" in file for seq, file in files_in(tmp_path).items() if seq > 14)
    saved = FileSaver(tmp_path).load("t", 33)
    assert is_right(saved, messages)


def test_copies_keep_patches(tmp_path: Path) -> None:
    """A copy of a thread holds the same patches, under its own checksums, and stands alone."""
    from dataclasses import replace

    messages = grown(tmp_path, 50)
    saver = FileSaver(tmp_path)
    history = (
        Saved(replace(saved.checkpoint, thread="u"), saved.writes) for saved in saver.history("t", oldest_first=True)
    )
    saver.copy_thread("t", "u", history)
    size = {thread: saver.size(thread) for thread in "tu"}
    assert abs(size["t"] - size["u"]) < 400
    saver.delete_thread("t")
    assert all(is_right(saved, messages) for saved in FileSaver(tmp_path).history("u"))
    assert list(examine(tmp_path)) == []


def test_metadata_costs_no_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lists a thread opens the files of its checkpoints once, and no others."""
    grown(tmp_path, 60)
    saver = FileSaver(tmp_path)
    opened: list[str] = []
    read = saver._fs.read_file
    monkeypatch.setattr(saver._fs, "read_file", lambda name, *rest: (opened.append(name), read(name, *rest))[1])
    assert [point.seq for point in saver.checkpoints("t")] == list(range(60, 0, -1))
    assert len([name for name in opened if name.startswith("0")]) == 60


def test_graphs_as_in_memory(tmp_path: Path) -> None:
    """History, updates by hand, forks in a thread and of a thread: a graph finds everything as with the other saver."""
    import operator
    from typing import Annotated, TypedDict

    from lgrun.checkpoint.memory import InMemorySaver
    from lgrun.graph import START, StateGraph

    class State(TypedDict):
        said: Annotated[list[Any], operator.add]

    def told(saver: Any) -> list[Any]:
        builder = StateGraph(State)
        builder.add_node("answer", lambda state: {"said": [f"answer to {len(state['said'])} " + "x" * 500]})
        builder.add_edge(START, "answer")
        graph = builder.compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "t"}}
        for turn in range(12):
            graph.invoke({"said": [f"question {turn}"]}, config)
        history = list(graph.get_state_history(config))
        old = next(each for each in history if len(each.values["said"]) == 8 and not each.next)
        graph.update_state(config, {"said": ["by hand"]})
        graph.invoke({"said": ["elsewhere"]}, old.config)
        graph.update_state(old.config, {"said": ["by hand"]})
        graph.invoke({"said": ["once more"]}, config)
        graph.fork(config, thread="u")
        found: list[Any] = []
        for thread in ("t", "u"):
            graph.invoke({"said": ["at last"]}, {"configurable": {"thread_id": thread}})
            found += [
                (each.values, each.next, each.metadata)
                for each in graph.get_state_history({"configurable": {"thread_id": thread}})
            ]
        return found

    assert told(FileSaver(tmp_path)) == told(InMemorySaver())
    assert any("patches" in file for file in files_in(tmp_path).values())
    assert sum("value" in file for file in files_in(tmp_path).values()) < 15
    assert list(examine(tmp_path)) == []
