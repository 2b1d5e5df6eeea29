"""Public pages, docstrings and messages: no home-made words; and the glossary that docs/words.md shows."""

import ast
import re
from pathlib import Path

import pytest

from ltrr.report.glossary import GLOSSARY

ROOT = Path(__file__).resolve().parents[1]

WORDS = {
    r"told(?! apart\b)": "reported",
    r"(?:hold|holds|held|keep|keeps|kept)(?: \w+)? back(?! to\b)": "penalised, withheld, or kept",
    r"house as built": "code as it is",
    r"lessons?(?! : )": "learning update, update, or batch of feedback",
    r"loudly": "warnings (what must be warned of)",
    r"loose": "unattached, or at the top",
    r"beside(?!s)": "next to, with, or in addition to",
    r"parted(?: by| from)?": "separated, or split",
    r"anew": "again",
    r"(?:stand|stands|stood|standing) in(?! for\b)": "is used instead, or is in",
    r"(?:stand|stands|stood|standing) (?:twice|there|beside|at the|(?:two|three|\d+) times)": "occurs, or is",
    r"(?:speak|speaks|spoke|spoken)(?: \w+)? (?:for(?! or against)|about|of|as)": "is evidence for",
    r"kin": "related …",
    r"curtain": "the limit of what policies may see",
    r"heals?": "goes away, or is corrected",
    r"(?:at most|to|by|about|in|with|for|after|than) so many": "this many",
    r"back door": "leak",
    r"put away and taken out": "saved and restored",
    r"mend(?:s|ed|ing)?": "correct, or repair",
    r"learnt": "learned",
    r"gravest": "most serious",
    r"in (?:VW|scikit-learn)'s own words": "as … takes them",
    r"(?<!there )is no (?:UTF-8|JSON|Parquet|text|number|log|list|object|order|member|part|policy"
    r"|distribution|probability|quota|feature|component|category|page|learner|word)": "is not a …",
    r"(?:this|the|a) room of|rooms|lies? in a room": "package",
    r"what is left out is": "excluded rows are",
    r"Against us": "Negative results",
}
"""What this project does not write, as regular expressions of whole words, and what to write instead."""

PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(
        path
        for folder in ("docs", "simulations", "benchmarks")
        for path in sorted((ROOT / folder).glob("*.md"))
    ),
]

NOT_READ = {"docs/words.md": "it lists the words that are not used any more; its glossary is package data"}
"""Pages that are not checked, and why."""


def found(text):
    """Yield (position, word, better) of what should be written otherwise."""
    for pattern, better in WORDS.items():
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE):
            yield match.start(), match.group(), better


def blanked(text, *patterns):
    """Return text with matches replaced by blanks, line ends kept, so that positions stay."""
    for pattern in patterns:
        text = re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S | re.M)
    return text


def faults_of_page(text):
    """Return (line, word, better) of a page, code aside."""
    prose = blanked(text, r"^```.*?^```", r"`[^`\n]*`", r"\]\([^)\n]*\)")
    # words may be apart by a line end
    return [
        (text.count("\n", 0, at) + 1, word, better) for at, word, better in found(re.sub(r"\s", " ", prose))
    ]


def texts(source):
    """Yield (line, text) of the docstrings of a module, without examples, and of strings of several words."""
    tree = ast.parse(source)
    docs, parts = set(), set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            docs.add(node.value)
            yield node.lineno, blanked(node.value.value, r"^\s*(?:>>>|\.\.\.).*?$", r"``.*?``", r"`[^`\n]*`")
        if isinstance(node, ast.JoinedStr):
            parts |= set(ast.walk(node))
            text = "".join(v.value if isinstance(v, ast.Constant) else "0" for v in node.values)
            if " " in text.strip():
                yield node.lineno, blanked(text, r"`[^`\n]*`")
    for node in ast.walk(tree):
        plain = isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs | parts
        if plain and " " in node.value.strip():
            yield node.lineno, blanked(node.value, r"`[^`\n]*`")


def faults_of_module(source):
    """Return (line, word, better) of a module's docstrings and messages."""
    return [
        (line + text.count("\n", 0, at), word, better)
        for line, text in texts(source)
        for at, word, better in found(re.sub(r"\s", " ", text))
    ]


def report(where, faults):
    return "\n".join(f"{where}:{line}: {word!r}: write {better}" for line, word, better in sorted(faults))


CHECKED = [page for page in PAGES if page.relative_to(ROOT).as_posix() not in NOT_READ]


@pytest.mark.parametrize("page", CHECKED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_are_in_plain_words(page):
    where = page.relative_to(ROOT).as_posix()
    faults = faults_of_page(page.read_text(encoding="utf-8"))
    assert not faults, f"\n{report(where, faults)}"


def test_docstrings_and_messages_are_in_plain_words():
    lines = []
    for path in sorted((ROOT / "ltrr").rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        lines.append(report(where, faults_of_module(path.read_text(encoding="utf-8"))))
    assert not any(lines), "\n" + "\n".join(filter(None, lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Excluded rows are told.", ["told"]),
        ("The two cannot be told apart.", []),
        ("A number\nthat is kept back.", ["kept back"]),
        ("The learner goes back to its start; keep both. Back them up.", []),
        ("Fit it anew, `anew`, and [anew](anew.md).", ["anew", "anew"]),
        ("Besides, it stands for a page and stands in for an arm.", []),
        ("Rows of at most so many slots; so many worlds.", ["at most so many"]),
        ("```\nlearnt\n```\nlearned", []),
        ("This is no JSON, and there is no list.", ["is no JSON"]),
        ("The kind of akin kinship.", []),
    ],
)
def test_words_are_found_in_pages(text, words):
    assert [word for _, word, _ in sorted(faults_of_page(text))] == words


def test_words_are_found_in_modules():
    source = '''"""Tell what is told.

    Of a file
    learnt ``anew``.

    >>> learnt = "anew"
    """

# comments may say anew
key = {"anew": 1}
text = f"{key} is no list; write it anew"
'''
    assert faults_of_module(source) == [
        (1, "told", WORDS[r"told(?! apart\b)"]),
        (4, "learnt", "learned"),
        (11, "anew", "again"),
        (11, "is no list", "is not a …"),
    ]


def test_the_page_of_words_shows_the_glossary():
    page = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\* \*\*(.+?)\*\*: (.+)$", page.partition("## Glossary")[2], re.M)
    assert shown == list(GLOSSARY.items())


def test_the_glossary_is_in_order_and_in_sentences():
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.lower)
    for term, text in GLOSSARY.items():
        assert term == term.strip(), term
        assert text.endswith("."), term
        assert not list(found(f"{term}: {text}")), term
        assert len(text) <= 230, term
