"""Frames, Wiegand bits and key strokes: numbers come out as they went in, and of anything else nothing does."""

from __future__ import annotations

import itertools
import string
from functools import reduce
from operator import xor

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.framing import MAX_FRAME, Framer, Framing
from edge.drivers.keys import KEYMAP, InputEvent, Typing, Wedging
from edge.drivers.wiegand_bits import MAX_BITS, Pulses, WiegandFormat
from tests.support.lines import strokes

NUMBERS = st.text(string.ascii_uppercase + string.digits, min_size=4, max_size=32)
HEX = st.binary(min_size=2, max_size=16).map(lambda raw: raw.hex().upper())


def made(framing: Framing, number: str) -> bytes:
    """A frame as a reader would send it."""
    payload = number.encode()
    over = bytes.fromhex(number) if framing.checksum.endswith("-of-hex") else payload
    if framing.checksum != "none":
        check = reduce(xor, over) if framing.checksum.startswith("xor") else sum(over) % 256
        payload += b"%02X" % check if framing.checksum_as == "hex" else bytes([check])
    return framing.begin.encode("latin-1") + payload + framing.end.encode("latin-1")


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


FRAMINGS = {
    "line": Framing(),
    "marked": Framing(begin="\x02", end="\r\n\x03"),
    "xor": Framing(begin="\x02", end="\x03", checksum="xor"),
    "sum": Framing(begin="\x02", end="\x03", checksum="sum"),
    "fixed": Framing(begin="#", end="", length=10, checksum="sum"),
    "fixed, ended": Framing(begin="", end="\r", length=8),
}


class TestFraming:
    @pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
    @given(numbers=st.lists(NUMBERS, max_size=6), cuts=st.lists(st.integers(0, 500), max_size=12))
    def test_what_was_framed_comes_out_in_whatever_pieces_it_arrives(self, framing, numbers, cuts):
        numbers = [number.ljust(8, "0")[:8] for number in numbers] if framing.length else numbers
        framer = Framer(framing)
        told = [framer.take(piece, 1.0) for piece in pieces(b"".join(made(framing, n) for n in numbers), cuts)]
        assert [number for some in told for number in some] == numbers

    @given(HEX)
    def test_a_checksum_over_the_bytes_that_hex_digits_spell_is_known(self, number):
        framing = Framing(begin="\x02", end="\x03", checksum="xor-of-hex")
        assert Framer(framing).take(made(framing, number), 0.0) == [number]

    def test_the_frame_of_a_125_khz_module_gives_its_ten_digits(self):
        frame = b"\x02" + b"0A00123456" + b"7A" + b"\x03"
        assert Framer(Framing(begin="\x02", end="\x03", checksum="xor-of-hex")).take(frame, 0.0) == ["0A00123456"]

    @given(number=NUMBERS, wrong=st.integers(1, 255), place=st.integers(0, 31))
    def test_one_wrong_character_under_a_checksum_is_no_number(self, number, wrong, place):
        framing = FRAMINGS["xor"]
        frame = bytearray(made(framing, number))
        frame[1 + place % len(number)] ^= wrong
        told = Framer(framing).take(bytes(frame), 0.0)
        assert number not in told

    @given(st.lists(st.binary(max_size=80), max_size=20), st.sampled_from(list(FRAMINGS.values())))
    def test_no_garbage_breaks_it_and_what_it_holds_is_bounded(self, garbage, framing):
        framer = Framer(framing)
        for number in [number for piece in garbage for number in framer.take(piece, 0.0)]:
            assert number.isascii()
            assert number.isprintable()
            assert number.isalnum()
        assert len(framer._held) <= MAX_FRAME
        good = made(framing, "AB12CD34")
        assert framer.take(good, 100.0) == ["AB12CD34"]

    def test_half_a_frame_is_forgotten_after_a_silence(self):
        framer = Framer(Framing(gap_s=0.5))
        assert framer.take(b"1234", 0.0) == []
        assert framer.take(b"5678\r", 1.0) == ["5678"]

    def test_a_pattern_picks_the_number_out(self):
        framing = Framing(end="\r\n", pattern=r"CARD=(\d{8});.*")
        assert Framer(framing).take(b"CARD=00123456;RSSI=-40\r\nHELLO\r\n", 0.0) == ["00123456"]

    @pytest.mark.parametrize(
        ("wrong", "fault"),
        [
            ({"end": ""}, "needs `end`, `length`"),
            ({"pattern": "("}, "no regular expression"),
            ({"begin": "门"}, "begin"),
        ],
    )
    def test_settings_that_cannot_be_meant_are_refused_with_the_reason(self, wrong, fault):
        with pytest.raises(msgspec.ValidationError, match=fault):
            msgspec.convert(wrong, Framing)


def bits_of(layout: str, facility: int, number: int) -> str:
    """A card of a usual layout, its parity bits right."""
    sizes = {letter: layout.count(letter) for letter in "FN"}
    middle = f"{facility:0{sizes['F']}b}" + f"{number:0{sizes['N']}b}"
    half = len(middle) // 2
    return f"{middle[:half].count('1') % 2}{middle}{(middle[half:].count('1') + 1) % 2}"


class TestWiegand:
    @pytest.mark.parametrize("size", ["26", "34"])
    @given(data=st.data())
    def test_facility_and_number_come_out_as_they_went_in(self, size, data):
        form = WiegandFormat(format=size, number_as="facility-number")
        facility = data.draw(st.integers(0, 2 ** form.bits_layout.count("F") - 1))
        number = data.draw(st.integers(0, 2 ** form.bits_layout.count("N") - 1))
        assert form.number(bits_of(form.bits_layout, facility, number)) == f"{facility}-{number:05d}"

    def test_one_number_is_written_in_three_ways_of_equal_length_for_all_cards(self):
        bits = bits_of(WiegandFormat().bits_layout, 123, 4567)
        whole = 123 * 65536 + 4567
        assert WiegandFormat().number(bits) == f"{whole:08d}"
        assert WiegandFormat(number_as="hex").number(bits) == f"{whole:06X}"
        assert WiegandFormat(number_as="facility-number").number(bits) == "123-04567"

    @pytest.mark.parametrize("size", ["26", "34"])
    @given(data=st.data())
    def test_no_single_wrong_bit_is_taken_for_a_card(self, size, data):
        form = WiegandFormat(format=size)
        bits = bits_of(form.bits_layout, 1, data.draw(st.integers(0, 65535)))
        place = data.draw(st.integers(0, len(bits) - 1))
        assert form.number(bits[:place] + str(1 - int(bits[place])) + bits[place + 1 :]) is None

    @given(st.text("01", max_size=140))
    def test_bits_of_any_number_are_a_card_or_nothing(self, bits):
        number = WiegandFormat().number(bits)
        assert number is None or (len(bits) == 26 and number.isdecimal())

    def test_a_format_of_ones_own_has_its_own_parity(self):
        form = msgspec.convert(
            {
                "format": "custom",
                "layout": "OFFFFNNNNNNE",
                "parity": [
                    {"bit": 0, "kind": "odd", "first": 1, "last": 10},
                    {"bit": 11, "kind": "even", "first": 0, "last": 11},
                ],
                "number_as": "facility-number",
            },
            WiegandFormat,
        )
        middle = "0101" + "000011"
        odd = str((middle.count("1") + 1) % 2)
        even = str((odd + middle).count("1") % 2)
        assert form.number(odd + middle + even) == "5-03"
        assert form.number(odd + middle + str(1 - int(even))) is None

    @pytest.mark.parametrize(
        ("wrong", "fault"),
        [
            ({"layout": "ENNNNO"}, "belongs to format 'custom'"),
            ({"format": "custom"}, "which needs one"),
            ({"format": "custom", "layout": "EFFFFO"}, "no number"),
            ({"format": "custom", "layout": "ENNNO"}, "`parity` must say"),
            ({"format": "custom", "layout": "ENNNEO"}, "bit 4 of `layout` is E"),
            ({"parity": [{"bit": 0, "kind": "odd", "first": 0, "last": 3}]}, "have their own"),
            (
                {"format": "custom", "layout": "ENNN", "parity": [{"bit": 0, "kind": "even", "first": 0, "last": 4}]},
                "reaches beyond the 4 bits",
            ),
        ],
    )
    def test_formats_that_cannot_be_meant_are_refused_with_the_reason(self, wrong, fault):
        with pytest.raises(msgspec.ValidationError, match=fault):
            msgspec.convert(wrong, WiegandFormat)

    @given(st.lists(st.text("01", min_size=1, max_size=40), max_size=8), st.integers(1, 3))
    def test_cards_are_told_apart_by_the_silence_between_them(self, cards, gaps):
        pulses, now, told = Pulses(30_000_000), 0, []
        for card in cards:
            now += gaps * 31_000_000
            for bit in card:
                now += 2_000_000
                told.append(pulses.pulse(int(bit), now))
        told.append(pulses.end())
        assert [card.bits for card in told if card is not None] == cards

    def test_a_line_that_flutters_for_ever_fills_no_memory(self):
        pulses = Pulses(30_000_000)
        for at in range(10_000):
            assert pulses.pulse(1, at * 1000) is None
        card = pulses.end()
        assert card is not None
        assert len(card.bits) <= MAX_BITS + 1


def told(wedging: Wedging, events: list[InputEvent], at_s: float = 0.0) -> list[str]:
    typing = Typing(wedging)
    return [number for event in events if (number := typing.take(event, at_s)) is not None]


def typed(text: str) -> list[InputEvent]:
    return [event for character in text for event in strokes(character)]


class TestTyping:
    @given(st.lists(st.text(string.ascii_letters + string.digits, min_size=4, max_size=64), max_size=5))
    def test_what_was_typed_comes_out(self, numbers):
        assert told(Wedging(), typed("".join(number + "\n" for number in numbers))) == numbers

    @given(st.lists(st.builds(InputEvent, st.integers(0, 5), st.integers(0, 700), st.integers(-1, 3)), max_size=200))
    def test_no_garbage_breaks_it_and_after_the_next_enter_it_reads_again(self, events):
        typing = Typing(Wedging())
        for event in events:
            number = typing.take(event, 0.0)
            assert number is None or number.isalnum()
        shifts_up = [InputEvent(1, code, 0) for code in (42, 54)]
        numbers = [typing.take(event, 0.0) for event in [*shifts_up, *typed("\n0012345678\n")]]
        assert numbers[-3:].count("0012345678") + numbers.count("0012345678") >= 1

    def test_a_buffer_that_overran_in_the_kernel_spoils_the_number_it_hit(self):
        events = [*typed("0012"), InputEvent(0, 3, 0), *typed("5678\n00345678\n")]
        assert told(Wedging(), events) == ["00345678"]

    def test_an_unknown_key_spoils_a_number_instead_of_being_left_out_of_it(self):
        assert told(Wedging(), [*typed("0012"), InputEvent(1, 240, 1), *typed("345678\n")]) == []

    def test_half_a_number_is_forgotten_after_a_silence(self):
        typing = Typing(Wedging())
        for event in typed("9999"):
            typing.take(event, 0.0)
        numbers = [typing.take(event, 1.0) for event in typed("00123456\n")]
        assert [number for number in numbers if number] == ["00123456"]

    def test_a_tab_may_end_a_number_and_a_pattern_may_pick_it_out(self):
        assert told(Wedging(ends_with="tab", pattern=r"ID:(\d+)"), typed("ID:0042\t")) == ["0042"]

    def test_every_key_has_two_characters(self):
        assert all(len(pair) == 2 for pair in KEYMAP.values())
        assert KEYMAP[2] == ("1", "!")
        assert KEYMAP[30] == ("a", "A")
        assert KEYMAP[44] == ("z", "Z")
        assert KEYMAP[82] == ("0", "0")
