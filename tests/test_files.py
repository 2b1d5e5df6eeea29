"""Files of a log: unpacked whatever they are called, folders as a whole or not at all."""

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from ltrr.errors import InputError
from ltrr.logs.files import bare_name, head, is_companion, open_bytes, parts_of, readable

TEXT = b"action,reward\n" + b"a,1\nb,0\n" * 5000
PACK = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def save(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def content(path):
    with readable(path), open_bytes(path) as file:
        return file.read()


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("name", ["log.csv.{}", "log.csv", "LOG.CSV.GZ", "log.csv.zst"])
def test_packed_files_are_unpacked_by_their_first_bytes(tmp_path, kind, name):
    path = save(tmp_path / name.format(kind), PACK[kind](TEXT))
    assert content(path) == TEXT
    assert head(path, 13) == b"action,reward"
    with open_bytes(path) as file:
        assert [file.readline(), next(iter(file))] == [b"action,reward\n", b"a,1\n"]


@pytest.mark.parametrize("kind", PACK)
def test_joined_and_empty_packed_files(tmp_path, kind):
    assert content(save(tmp_path / "a", PACK[kind](TEXT) + PACK[kind](b"c,1\n"))) == TEXT + b"c,1\n"
    assert content(save(tmp_path / "b", PACK[kind](b""))) == b""


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-10], lambda data: data[: len(data) // 2], lambda _: TEXT, None]
)
def test_damaged_packed_files_are_one_line(tmp_path, kind, spoil):
    data = PACK[kind](TEXT)
    if spoil is None:
        data = data[:12] + bytes(b ^ 0x5A for b in data[12:])
    path = save(tmp_path / f"log.csv.{kind}", data if spoil is None else spoil(data))
    with pytest.raises(InputError, match=r"log\.csv\.\w+: cannot be read: .*damaged") as error:
        content(path)
    assert "\n" not in str(error.value)


def test_text_that_begins_like_a_packed_file_is_text(tmp_path):
    assert content(save(tmp_path / "a.csv", b"BZh9,reward\n")) == b"BZh9,reward\n"
    assert content(save(tmp_path / "b.csv", b"")) == b""


def test_bare_names():
    names = ["a.csv", "A.CSV.GZ", "b.tsv.zst", "c.bz2", "d.tar.xz", "e.csv.old"]
    expected = ["a.csv", "a.csv", "b.tsv", "c", "d.tar", "e.csv.old"]
    assert [bare_name(Path("x.gz") / n) for n in names] == expected


def test_a_folder_is_all_its_parts(tmp_path):
    names = ["b.csv", "a.csv.gz", "day=2/c.CSV", "day=1/country=d%20e/part.csv"]
    names += ["day=__HIVE_DEFAULT_PARTITION__/d.csv"]
    for name in [*names, "_SUCCESS", ".hidden.csv", "_tmp/x.csv", ".git/y", "README", "LICENSE.txt"]:
        save(tmp_path / "log" / name)
    for name in ["SOURCE.txt", "schema.json", "item_context.csv", "map.toml", "notes.md", "a.csv.gz.md5"]:
        save(tmp_path / "log" / name)
    parts = parts_of(tmp_path / "log", (".csv",))
    assert [p.path.relative_to(tmp_path / "log").as_posix() for p in parts] == sorted(names)
    assert [dict(p.values) for p in parts] == [
        {},
        {},
        {"day": "1", "country": "d e"},
        {"day": "2"},
        {"day": ""},
    ]


def test_a_file_is_its_only_part_whatever_it_is_called(tmp_path):
    path = save(tmp_path / "day=1" / "README.txt")
    assert [(p.path, p.values) for p in parts_of(path, (".csv",))] == [(path, {})]


@pytest.mark.parametrize(
    "other", ["part.parquet", "notes.txt", "sub/log.jsonl", "log.csv.bak", "data.csv.zip"]
)
def test_a_folder_of_mixed_files_is_an_error_that_names_the_file(tmp_path, other):
    save(tmp_path / "log" / "part.csv")
    save(tmp_path / "log" / other)
    with pytest.raises(InputError, match=rf"log: all files .* got {other}; move it") as error:
        parts_of(tmp_path / "log", (".csv", ".tsv"))
    assert "\n" not in str(error.value)
    # a format without endings takes all
    assert len(parts_of(tmp_path / "log", ())) == 2


def test_folders_without_parts_and_absent_files(tmp_path):
    save(tmp_path / "log" / "README.md")
    with pytest.raises(InputError, match=r"must hold parts of the log \(\*\.csv, \*\.tsv\), it holds none"):
        parts_of(tmp_path / "log", (".csv", ".tsv"))
    with pytest.raises(InputError, match="no such file"):
        parts_of(tmp_path / "none.csv", (".csv",))


def test_companions_do_not_hide_data():
    data = ["part-0.csv", "log.json", "source_a.csv", "readme2.csv", "events.txt", "schemas.csv"]
    assert not [n for n in data if is_companion(Path(n))]
