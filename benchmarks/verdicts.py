"""How often the verdict is right on worlds with known answers: ``python -m benchmarks.verdicts [SEEDS]``."""

from __future__ import annotations

import sys
from collections import Counter

from tests import made_worlds
from tests.test_verdict import WORLDS, right


def main(seeds: int) -> None:
    """Print a line a world: the known answer, how often it was given, and what was said instead."""
    print("| world | known answer | right | said instead |\n|---|---|--:|---|")
    for name, (policy, answer) in WORLDS.items():
        wrong: Counter[str] = Counter()
        for seed in range(seeds):
            result = getattr(made_worlds, name)(seed)
            if not right(name, result):
                found = result.verdict()
                wrong[f"{found.policy}: {found.answer}"] += 1
        said = ", ".join(f"{what} ({n})" for what, n in wrong.items()) or "–"
        known = answer if policy is None else f"{policy}: {answer}"
        print(f"| {name} | {known} | {seeds - wrong.total()} of {seeds} | {said} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
