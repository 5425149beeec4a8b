"""Digest either way, held against the examples of the RFCs."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.sip.provider.digest import (
    Algorithm,
    Challenger,
    Credentials,
    DigestRefused,
    Proof,
    _response,
    answer,
    is_stale,
)

MUFASA = Credentials("Mufasa", "Circle of Life", "http-auth@example.org")
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    """3.9.1"""
    given = {
        "uri": "/dir/index.html",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    assert _response(algorithm, MUFASA.user, str(MUFASA.realm), MUFASA.password, "GET", given) == response


def test_the_example_of_rfc_2617_without_qop_is_computed_as_then() -> None:
    value = answer(['Digest realm="r", nonce="n"'], Credentials("u", "p"), "REGISTER", "sip:x")
    hashed = [hashlib.md5(text.encode()).hexdigest() for text in ("u:r:p", "REGISTER:sip:x")]
    assert f'response="{hashlib.md5(f"{hashed[0]}:n:{hashed[1]}".encode()).hexdigest()}"' in value
    assert "qop" not in value


def test_the_best_challenge_is_answered_and_those_that_are_unknown_are_passed_over() -> None:
    offered = [
        'Digest realm="r", nonce="1", algorithm=MD5, qop="auth"',
        'Digest realm="r", nonce="2", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="r", nonce="3", algorithm=sha-256, qop="auth,auth-int", opaque="o\\"x"',
        "Basic realm=r",
    ]
    value = answer(offered, Credentials("u", "p"), "REGISTER", "sip:x")
    assert 'nonce="3"' in value
    assert "algorithm=SHA-256" in value
    assert 'opaque="o\\"x"' in value


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        ([], "no digest"),
        (["Basic realm=r"], "no digest"),
        (['Digest realm="r", nonce="1", algorithm=SHA-512-256'], "no digest"),
        (['Digest realm="other", nonce="1"'], "realm"),
        (['Digest realm="r", nonce="1", qop="auth-int"'], "qop"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_why(offered: list[str], why: str) -> None:
    with pytest.raises(DigestRefused, match=why):
        answer(offered, Credentials("u", "p", "r"), "REGISTER", "sip:x")


ASKED: tuple[Algorithm, ...] = ("SHA-256", "MD5")


def _answered(challenger: Challenger, mine: Credentials, which: int = 0, now: float = NOW, count: int = 1) -> str:
    return answer([challenger.challenges("bank", ASKED, now)[which]], mine, "INVITE", "sip:802@bot", count)


@pytest.mark.parametrize("which", [0, 1])
def test_a_right_answer_is_good_once(which: int) -> None:
    challenger, mine = Challenger(), Credentials("trunk", "secret", "bank")
    value = _answered(challenger, mine, which)
    assert challenger.judge(value, mine, "INVITE", ASKED, NOW + 59, 60) is Proof.GOOD
    assert challenger.judge(value, mine, "INVITE", ASKED, NOW + 59, 60) is Proof.STALE


def test_an_answer_that_comes_late_or_to_somebody_elses_challenge_is_stale() -> None:
    """The far end knows the password: it is asked again, and its owner is not told of a wrong one."""
    mine = Credentials("trunk", "secret", "bank")
    challenger = Challenger()
    assert challenger.judge(_answered(challenger, mine), mine, "INVITE", ASKED, NOW + 61, 60) is Proof.STALE
    assert challenger.judge(_answered(Challenger(), mine), mine, "INVITE", ASKED, NOW, 60) is Proof.STALE
    assert is_stale(challenger.challenges("bank", ASKED, NOW, stale=True))


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (r'response="[0-9a-f]+"', 'response="0000"'),
        (r'username="trunk"', 'username="other"'),
        (r'realm="bank"', 'realm="other"'),
        (r"qop=auth", "qop=auth-int"),
        (r"algorithm=SHA-256", "algorithm=SHA-512-256"),
        (r'uri="[^"]*"', 'uri="sip:other"'),
        (r"nc=00000001", "nc=00000002"),
        (r"^Digest", "Basic"),
    ],
)
def test_an_answer_that_was_altered_is_bad(find: str, put: str) -> None:
    challenger, mine = Challenger(), Credentials("trunk", "secret", "bank")
    value = re.sub(find, put, _answered(challenger, mine))
    assert challenger.judge(value, mine, "INVITE", ASKED, NOW, 60) is Proof.BAD


def test_a_wrong_password_another_method_and_a_weaker_digest_are_bad() -> None:
    challenger, mine = Challenger(), Credentials("trunk", "secret", "bank")
    assert challenger.judge(_answered(challenger, Credentials("trunk", "x")), mine, "INVITE", ASKED, NOW, 60) is Proof.BAD
    assert challenger.judge(_answered(challenger, mine), mine, "BYE", ASKED, NOW, 60) is Proof.BAD
    assert challenger.judge(_answered(challenger, mine, 1), mine, "INVITE", ("SHA-256",), NOW, 60) is Proof.BAD


@given(st.text(max_size=300))
def test_whatever_comes_is_judged(text: str) -> None:
    challenger, mine = Challenger(), Credentials("trunk", "secret", "bank")
    for value in (text, f"Digest {text}", f'Digest username="trunk", realm="bank", qop=auth, nonce="{text}", response="{text}"'):
        assert challenger.judge(value, mine, "INVITE", ASKED, NOW, 60) is not Proof.GOOD


def test_a_password_is_in_no_text_of_ours() -> None:
    assert "secret" not in repr(Credentials("trunk", "secret"))
