"""Indexed arms on disk: they answer the same, and what is cut off or altered is refused."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from ltrr import retrieval
from ltrr.checks.data import catalogue_of, feedback_of, requests_of
from ltrr.errors import InputError
from ltrr.features.tokens import Characters, unicode_words
from ltrr.retrieval import Arm, load, save
from ltrr.retrieval import saved as module
from ltrr.retrieval.index_files import read_state, write_state
from ltrr.retrieval.saved import why_not_saved
from ltrr.types import Candidates
from tests.test_checks_all import MAKERS, make

SAVED = [name for name in MAKERS["arms"] if not why_not_saved(make("arms", name))]
ASKED = requests_of(24)


@dataclass
class Sizes:
    """Stands for an encoder: how long the words are, times a scale that it finds."""

    scale: float = 2.0
    found: float = field(init=False, default=0.0)


@dataclass
class Longest(Arm):
    """The items with the longest texts, and those clicked before them."""

    sizes: Sizes = field(default_factory=Sizes)
    members: tuple = ()
    by_name: dict = field(default_factory=dict)
    place: str | Path = ""
    cut: object = unicode_words
    none: object = None

    static = False

    def index(self, catalogue):
        self.sizes.found = 3.0
        self.words = [word for text in catalogue.texts() for word in self.cut(text)]
        self.score = np.array([len(text) for text in catalogue.texts()], np.float32) * catalogue.alive
        self.clicks = np.zeros(len(catalogue), np.float32)

    def retrieve(self, requests, depth):
        score = self.score + self.clicks
        order = [i for i in np.lexsort((np.arange(len(score)), -score)).tolist() if self.score[i]]
        lists = [order[:d] for d in depth.tolist()]
        return Candidates.from_lists(lists, depth=depth, scores=[score[found].tolist() for found in lists])

    def learn(self, feedback):
        np.add.at(self.clicks, feedback.item[feedback.click], 1.0)

    def state(self):
        return {"clicks": self.clicks.copy()}

    def restore(self, state):
        self.clicks = state["clicks"].copy()

    def index_state(self):
        return {
            "score": self.score,
            "words": self.words,
            "sizes": {"found": self.sizes.found, "none": {}},
            "model": b"abc",
            "empty": [],
            "one": np.float32(4.0),
        }

    def restore_index(self, state):
        self.score, self.words = state["score"], state["words"]
        self.sizes.found = state["sizes"]["found"]
        self.rest = {key: state[key] for key in ("model", "empty", "one")}


def taught(arm):
    catalogue = catalogue_of()
    arm.index(catalogue)
    arm.learn(feedback_of(ASKED, alive=catalogue.alive))
    return arm


def lists(arm):
    found = arm.retrieve(ASKED, np.full(len(ASKED), 20, np.int32))
    return [getattr(found, key).tolist() for key in ("indptr", "item", "score", "capped")]


def refusal(folder, **options):
    """Return the one line with which a folder is refused."""
    with pytest.raises(InputError) as caught:
        load(folder, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert any(remedy in text for remedy in ("again", "copy", "update ltrr", "must be one that"))
    return text


@pytest.fixture
def folder(tmp_path):
    save(taught(Longest()), tmp_path / "arm")
    return tmp_path / "arm"


def reseal(folder, **changes):
    """Change the table of contents as a program that knows the format would."""
    about = json.loads((folder / "index.json").read_text())
    del about["crc32"]
    (folder / "index.json").write_bytes(module._sealed(about | changes))


def test_settings_and_what_is_nested_in_them_come_back(tmp_path):
    arm = Longest(
        Sizes(0.5),
        members=(Sizes(1.5), Longest(place="x")),
        by_name={"one": Sizes(), "class": 3},
        place=tmp_path,
        cut=Characters(3),
        none=None,
    )
    save(taught(arm), tmp_path / "arm")
    back = load(tmp_path / "arm")
    assert (back.sizes.scale, back.sizes.found) == (0.5, 3.0)
    assert back.members == arm.members
    assert back.by_name == arm.by_name
    assert (back.place, back.cut, back.none) == (str(tmp_path), Characters(3), None)
    assert back.words == arm.words
    assert back.rest == {"model": b"abc", "empty": [], "one": 4.0}
    assert lists(back) == lists(arm)


def test_arrays_are_on_disk_and_cannot_be_written_to(folder):
    arm = load(folder)
    with pytest.raises(ValueError, match="read-only"):
        arm.score[0] = 1.0
    assert arm.score.dtype == np.float32
    assert {path.name for path in folder.iterdir()} == {
        "index.json",
        "index.score.npy",
        "index.words.parquet",
        "index.model.bin",
        "learned.bin",
    }


def test_arrays_of_every_shape_come_back(tmp_path):
    arrays = {
        "none": np.zeros((0, 5), np.int16),
        "one": np.array(3.5),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "flags": np.array([True, False]),
        "texts": np.array(["é", "longer"]),
    }
    back = read_state(tmp_path, write_state(tmp_path, arrays))
    for key, array in arrays.items():
        assert back[key].dtype == array.dtype
        assert np.array_equal(back[key], array)
        assert back[key].shape == array.shape


def test_names_that_a_file_cannot_have_are_told_apart(tmp_path):
    state = {"a/b": np.ones(1), "a:b": np.zeros(1), "A-B": np.full(1, 2.0), "..": {"x": ["é", ""]}}
    contents = write_state(tmp_path, state)
    assert len({entry["file"].lower() for entry in contents}) == 4
    assert len(list(tmp_path.iterdir())) == 4
    back = read_state(tmp_path, contents)
    assert [back[key].item() for key in ("a/b", "a:b", "A-B")] == [1.0, 0.0, 2.0]
    assert back[".."] == {"x": ["é", ""]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([None, 1]), "must not hold objects"),
        ({1, 2}, "plain value, got set"),
        (["\ud800"], "texts in Unicode"),
        ({3: 1}, "texts as keys, got 3"),
    ],
)
def test_what_needs_pickle_is_refused(tmp_path, value, message):
    with pytest.raises(InputError, match=message):
        write_state(tmp_path, {"it": value})


def test_an_arm_saved_again_replaces_the_one_before(folder):
    arm = load(folder)
    arm.learn(feedback_of(ASKED, alive=catalogue_of().alive, seed=8))
    save(arm, folder)
    assert lists(load(folder)) == lists(arm)
    assert [path.name for path in folder.parent.iterdir()] == ["arm"]


def test_a_save_that_fails_leaves_what_was_there(folder, monkeypatch):
    arm = load(folder)
    monkeypatch.setattr(arm, "state", dict)
    monkeypatch.setattr(Longest, "index_state", lambda self: {"words": self.words, "bad": object()})
    with pytest.raises(InputError, match="plain value, got object"):
        save(arm, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["arm"]
    load(folder)


def test_a_folder_that_cannot_get_its_name_leaves_what_was_there(folder, monkeypatch):
    before = lists(load(folder))
    rename = Path.rename

    def failing(path, target):
        if path.name.endswith(".part"):
            raise OSError("disk full")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk full"):
        save(taught(Longest(none=3)), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["arm"]
    assert load(folder).none is None
    assert lists(load(folder)) == before


def test_what_an_interrupted_save_left_is_no_obstacle(folder):
    aside = folder.with_name(f".arm.{os.getpid()}.part")
    aside.mkdir()
    (aside / "index.json").write_text("{")
    save(taught(Longest(none=3)), folder)
    assert load(folder).none == 3
    assert [path.name for path in folder.parent.iterdir()] == ["arm"]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="something other than a saved arm"):
        save(taught(Longest()), tmp_path)
    with pytest.raises(InputError, match="got the file"):
        save(taught(Longest()), tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    save(taught(Longest()), tmp_path / "empty")
    load(tmp_path / "empty")


class Unsaved(Arm):
    pass


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        (Unsaved(), "Unsaved has no `index_state\\(\\)` of its own; write it"),
        (Longest(cut=lambda text: text), "`Longest.cut` cannot be loaded again: <lambda>"),
        (Longest(members=(np.ones(2),)), "`Longest.members\\[0\\]` is an array"),
        (Longest(by_name={1: 2}), "`Longest.by_name` must have texts as keys, got 1"),
    ],
)
def test_an_arm_that_cannot_come_back_is_not_saved(tmp_path, arm, message):
    assert why_not_saved(arm)
    with pytest.raises(InputError, match=message):
        save(arm, tmp_path / "arm")
    assert not list(tmp_path.iterdir())


def test_the_base_class_says_what_to_write():
    for call in (lambda: Unsaved().index_state(), lambda: Unsaved().restore_index({})):
        with pytest.raises(InputError, match=r"`Unsaved` cannot be saved: .*write `index_state`"):
            call()


def test_a_newer_format_asks_for_a_newer_package(folder):
    reseal(folder, format=2)
    assert "newer than the 1 that this version of ltrr reads; update ltrr" in refusal(folder)
    reseal(folder, format=None)
    assert "must be of format 1, got None" in refusal(folder)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("subprocess:Popen", "must name classes of arms and their parts, got 'subprocess:Popen'"),
        ("os:getcwd", "must name classes of arms and their parts, got 'os:getcwd'"),
        ("tests.test_saved_arms:Sizes", "must name the class of an arm, got 'tests.test_saved_arms:Sizes'"),
        ("nowhere:Arm", "no module 'nowhere'"),
    ],
)
def test_a_folder_cannot_name_just_anything(folder, named, message):
    reseal(folder, **{"class": named, "settings": {}})
    with pytest.raises(InputError, match=message):
        load(folder)


def test_an_index_of_another_version_of_the_class_is_named(folder):
    contents = json.loads((folder / "index.json").read_text())["contents"]
    reseal(folder, contents=[entry for entry in contents if entry["at"][-1] != "model"])
    assert "does not hold what Longest needs: KeyError('model')" in refusal(folder)
    reseal(folder, settings={"other": 1})
    assert "must hold the settings of Longest" in refusal(folder)


def test_without_checksums_only_sizes_and_shapes_are_compared(folder):
    path = folder / "index.score.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    load(folder, check=False)
    assert "altered or damaged" in refusal(folder)
    path.write_bytes(data[:-1])
    assert f"must have {len(data)} bytes, got {len(data) - 1}" in refusal(folder, check=False)
    path.write_bytes(data)
    array = np.load(path)
    np.save(path, array.view(np.int32))
    assert "not of the shape" in refusal(folder, check=False)
    path.write_bytes(b"x" * path.stat().st_size)
    assert "cannot be read" in refusal(folder, check=False)
    path.unlink()
    assert "is missing" in refusal(folder, check=False)


def spoiled(path):
    """Yield what may happen to a file: cut off at some place, or one bit changed somewhere."""
    data = path.read_bytes()
    places = sorted({0, 1, len(data) // 3, len(data) // 2, len(data) - 1})
    for place in places:
        yield data[:place]
        yield data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
    yield data + b"\n"


@pytest.mark.parametrize("name", SAVED)
def test_a_file_that_is_cut_off_altered_or_missing_is_refused(tmp_path, name):
    folder = tmp_path / "arm"
    save(taught(make("arms", name)), folder)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for data in spoiled(path):
            path.write_bytes(data)
            assert path.name in refusal(folder)
        path.unlink()
        assert path.name in refusal(folder)
        path.write_bytes(whole)
    load(folder)


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_arm_answers_and_learns_as_the_original(tmp_path, name):
    arm = taught(make("arms", name))
    save(arm, tmp_path / "arm")
    back = load(tmp_path / "arm")
    shutil.rmtree(tmp_path / "arm")
    assert lists(back) == lists(arm)
    for one in (arm, back):
        one.learn(feedback_of(ASKED, alive=catalogue_of().alive, seed=9))
    assert lists(back) == lists(arm)


def test_arms_that_have_names_can_be_saved():
    registered = set(retrieval.ARMS.makers)
    assert {name for name in registered if why_not_saved(make("arms", name))} == set(UNSAVED)


UNSAVED = {}
"""Registered arms that cannot be saved, and why."""
