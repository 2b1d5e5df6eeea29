"""How a policy is judged from a log: one pass over all policies, diagnostics, verdict, tables."""

__all__: list[str] = []
