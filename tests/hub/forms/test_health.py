"""A declaration's answers, and how much they call for a look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.forms import health
from hub.forms.health import SYMPTOMS, Answers, Unfit, concern_of, read
from hub.forms.models import Concern

WELL = {"well": "yes", "travelled": "no", "gathered": "no", "contact": "no"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (Answers(), Concern.NONE),
        (Answers(temperature_c=37.2), Concern.NONE),
        (Answers(temperature_c=37.3), Concern.ILL),
        (Answers(symptoms=("cough",)), Concern.ILL),
        (Answers(contact="a neighbour"), Concern.CALL),
        (Answers(travelled="湖北武汉"), Concern.CALL),
        (Answers(travelled="呼和浩特"), Concern.NOTE),
        (Answers(gathered="wedding"), Concern.NOTE),
        (Answers(symptoms=("fever",), contact="x"), Concern.ILL),
    ],
)
def test_who_is_ill_stays_at_home_and_who_met_somebody_ill_is_called(answers, expected):
    assert concern_of(answers, ("湖北",)) is expected
    assert health.keeps_away(expected) is (expected in {Concern.ILL, Concern.CALL})


def test_a_form_that_says_all_is_taken():
    assert read(WELL) == Answers()
    told = {**WELL, "well": "no", "symptom-cough": "yes", "symptom-tired": "yes", "temperature": "36，8",
            "travelled": "yes", "travelled-what": "包头"}  # fmt: skip
    assert read(told) == Answers(temperature_c=36.8, symptoms=("cough", "tired"), travelled="包头")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"well": ""}, {"well": "choose"}),
        ({"well": "no"}, {"well": "which"}),
        ({"symptom-fever": "yes"}, {"well": "well-but"}),
        ({"travelled": ""}, {"travelled": "choose"}),
        ({"contact": "yes"}, {"contact": "what"}),
        ({"temperature": "hot"}, {"temperature": "temperature"}),
        ({"temperature": "98.6"}, {"temperature": "temperature"}),
        ({"temperature": "nan"}, {"temperature": "temperature"}),
        ({"told": "x" * 201}, {"told": "long"}),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_told_at_its_field(change, fault):
    with pytest.raises(Unfit) as caught:
        read({**WELL, **change})
    assert caught.value.faults == fault


_fields = st.sampled_from(["well", "travelled", "gathered", "contact", "temperature", "told", "contact-what",
                           *(f"symptom-{code}" for code in SYMPTOMS)])  # fmt: skip
_texts = st.sampled_from(["yes", "no", "", "36.5", "39", "nan", "-1"]) | st.text(max_size=250)


@given(st.dictionaries(_fields, _texts))
def test_whatever_a_telephone_sends_is_answers_or_faults_and_illness_never_gets_lost(fields):
    try:
        answers = read(fields)
    except Unfit as unfit:
        assert unfit.faults
        return
    ticked = {code for code in SYMPTOMS if fields.get(f"symptom-{code}")}
    assert set(answers.symptoms) == ticked
    assert (concern_of(answers, ()) is Concern.ILL) is bool(ticked or (answers.temperature_c or 0) >= health.FEVER_C)
