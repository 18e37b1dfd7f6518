"""Parts of an endless answer: whole however the bytes come in, and found again after whatever else comes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.drivers import multipart
from edge.drivers.multipart import Part, Parts, boundary_of
from tests.support.isapi import BOUNDARY, JPEG, heartbeat, picture_part, plate_event, text_part

JSON = b'{"eventType": "AccessControllerEvent", "a": {"b": [1, {"c": "\xe9\x97\xa8"}]}}'
STREAM = text_part(JSON) + picture_part() + heartbeat() + text_part(JSON, length=False) + plate_event() + picture_part()
KINDS = ["json", "picture", "xml", "json", "xml", "picture"]


def fed(stream: bytes, cuts: list[int], boundary: str | None = BOUNDARY) -> list[Part]:
    parts, places = Parts(boundary), sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [part for a, b in itertools.pairwise(places) for part in parts.feed(stream[a:b])]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
@example(list(range(len(STREAM))))
def test_the_same_parts_come_out_however_the_bytes_come_in(cuts):
    parts = fed(STREAM, cuts)
    assert [part.kind for part in parts] == KINDS
    assert parts[0].body == parts[3].body == JSON
    assert parts[1].body == parts[5].body == JPEG


@pytest.mark.parametrize("length", [True, False])
def test_a_text_is_given_before_the_next_boundary_comes(length):
    assert [part.body for part in Parts(BOUNDARY).feed(text_part(JSON, length=length))] == [JSON]


def test_without_a_boundary_in_the_header_the_first_line_that_looks_like_one_is_it():
    assert [part.kind for part in fed(STREAM, [3, 5, 100], boundary=None)] == KINDS


@pytest.mark.parametrize(
    ("said", "boundary"),
    [
        ("multipart/mixed; boundary=MIME_boundary", "MIME_boundary"),
        ('multipart/mixed;boundary="MIME boundary"; x=y', "MIME boundary"),
        ("multipart/mixed; boundary=<frontier>", "<frontier>"),
        ("multipart/mixed;Boundary=--own", "--own"),
        ("multipart/mixed; boundary=", None),
        ("text/plain", None),
    ],
)
def test_a_boundary_is_taken_as_it_is_said(said, boundary):
    assert boundary_of(said) == boundary


def test_a_part_that_is_too_large_is_dropped_and_the_next_found(monkeypatch):
    monkeypatch.setattr(multipart, "MAX_PART_BYTES", 1000)
    parts = Parts(BOUNDARY)
    endless = b"--MIME_boundary\r\nContent-Type: image/jpeg\r\n\r\n" + b"\xff" * 5000
    assert parts.feed(endless) == []
    assert [part.kind for part in parts.feed(b"\xff" * 50 + text_part(JSON))] == ["json"]
    assert parts.lost_bytes >= 5000


def test_a_text_whose_length_is_wrong_costs_no_other_part():
    wrong = text_part(JSON).replace(f"Content-Length: {len(JSON)}".encode(), b"Content-Length: 500")
    assert [part.body for part in fed(wrong + text_part(JSON) + STREAM, [])][:2] == [JSON, JSON]


def test_a_part_cut_off_in_its_head_costs_only_itself():
    torn = b"--MIME_boundary\r\nContent-Type: application/j"
    assert [part.kind for part in fed(torn + STREAM, [7])] == KINDS


@given(st.binary(max_size=400), st.lists(st.integers(0, 2000), max_size=5))
def test_garbage_between_parts_never_stops_it_and_the_next_whole_part_but_one_is_found(garbage, cuts):
    parts = fed(text_part(JSON) + garbage + text_part(JSON) + text_part(JSON), cuts)
    assert parts[0].body == JSON
    assert parts[-1].body == JSON
    assert len(parts) >= 2


@given(st.binary(max_size=3000), st.sampled_from([BOUNDARY, "", "x", None]))
def test_no_bytes_break_it(data, boundary):
    parts = Parts(boundary)
    parts.feed(data)
    parts.feed(b"--" + data)
