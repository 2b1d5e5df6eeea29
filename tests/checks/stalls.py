"""How stand-ins that are broken in one way are found."""

import pytest

from ltrr.checks import CheckError


def must_fail(check, call):
    """Require that a call fails at this very check, in one line."""
    with pytest.raises(CheckError) as caught:
        call()
    assert caught.value.check == check, str(caught.value)
    assert "\n" not in str(caught.value).split("raised")[0]
