"""Log, replay, run for real, compare."""

__all__: list[str] = []
