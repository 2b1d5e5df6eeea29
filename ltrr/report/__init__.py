"""The drawing board of all pages: axes, templates, progress; import its modules one by one."""

__all__: list[str] = []
