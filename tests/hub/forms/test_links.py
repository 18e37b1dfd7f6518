"""Links of telephones: only ours are good, each for its own kind, and no longer than their version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.forms.links import Claim, Signer

OURS, THEIRS = Signer(b"k" * 32), Signer(b"x" * 32)


@given(st.sampled_from(["worker", "phone", "visit"]), st.integers(1, 10**12), st.integers(1, 999))
def test_a_link_says_what_it_was_made_for_and_is_good_for_nothing_else(kind, number, version):
    link = OURS.link(kind, number, version)
    assert OURS.read(kind, link) == Claim(number, version)
    assert OURS.read(f"{kind}s", link) is None
    assert THEIRS.read(kind, link) is None
    assert OURS.read(kind, link.replace(f"{number}-", f"{number + 1}-", 1)) is None


@given(st.text(max_size=60) | st.from_regex(r"\d{1,20}-\d{1,12}-[a-z2-7]{16}", fullmatch=True))
def test_whatever_somebody_guesses_is_no_link(text):
    assert OURS.read("worker", text) is None


def test_a_link_is_short_enough_for_a_picture_that_an_old_camera_reads():
    assert len("https://menshen.example.cn/w/" + OURS.link("worker", 50_000, 3)) < 60
