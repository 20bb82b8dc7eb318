"""Which passwords are taken: by length and by whether they are tried first, and by nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.errors import InvalidInput
from girih.services.identity.passwords import LONGEST, SHORTEST, Passwords, check_password

KNOWN = ("ann.lee@example.com", "Ann Lee")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd1234",
        "qwertyuiop12",
        "1qaz2wsx3edc",
        "123456789012",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "passwordpassword",
        "Administrator1",
        "welcome2024!!",
        "Summer2025!!!",
        "letmeinletmein",
        "correcthorsebatterystaple",
        "default12345",
        "ann.lee@example.com",
        "ANN.LEE@example.com1",
        "example12345",
        "short",
        "seven green umbrellas"[: SHORTEST - 1],
        "seven green umbrellas" * 7,
    ],
)
def test_passwords_that_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_password(password, *KNOWN)
    assert password not in refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "seven green umbrellas",
        "kX9vQ2mPz7Lw",
        "my dog eats 3 socks",
        "пароль из зелёных слов",
        "四つの緑の傘と三匹の犬と猫",
        "x" * 60 + "seven green umbrellas",
        "        seven green        ",
    ],
)
def test_passwords_that_are_taken(password: str) -> None:
    check_password(password, *KNOWN)


@given(st.text(min_size=0, max_size=LONGEST + 10), st.lists(st.text(max_size=30), max_size=3))
def test_any_text_is_taken_or_refused_in_words(password: str, known: list[str]) -> None:
    try:
        check_password(password, *known)
    except InvalidInput as refused:
        assert refused.message and refused.help
    else:
        assert SHORTEST <= len(password) <= LONGEST


async def test_passwords_as_long_as_they_once_could_be_still_fit() -> None:
    passwords = Passwords(memory=64, rounds=1)
    long = "seven green umbrellas " * 9
    assert len(long) > LONGEST
    stored = await passwords.hash(long)
    assert await passwords.fits(long, stored)
    assert not await passwords.fits(long[:LONGEST], stored)
    passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own there")
async def test_hashes_step_back_and_nothing_else_does() -> None:
    passwords = Passwords(memory=64, rounds=1)
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    await asyncio.gather(*(passwords.hash("seven green umbrellas") for _ in range(8)))
    threads = [one for one in threading.enumerate() if one.name.startswith("girih-passwords")]
    mine = [os.getpriority(os.PRIO_PROCESS, one.native_id or 0) for one in threads]
    assert mine and max(mine) > before
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
    passwords.close()
