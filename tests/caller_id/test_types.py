"""What may be concluded from the three facts about a caller."""

from __future__ import annotations

import pytest

from caller_id.types import Authentication, Caller, NumberTrust


@pytest.mark.parametrize(
    ("caller", "vouched"),
    [
        (Caller("+48600100200"), False),
        (Caller("+48600100200", trust=NumberTrust.TRUNK), True),
        (Caller("+48600100200", trust=NumberTrust.ATTESTED), True),
        (Caller("+48600100200", authentication=Authentication.APP), True),
        (Caller(None, trust=NumberTrust.TRUNK, withheld=True), False),
        (Caller(None, authentication=Authentication.APP), False),
    ],
)
def test_a_number_is_the_callers_when_the_network_or_the_app_says_so(caller: Caller, vouched: bool) -> None:
    assert caller.vouched is vouched
