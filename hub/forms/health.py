"""What a declaration of health says, and how much it calls for a look. Pure.

The order: who has a fever, a cough or the like is to be advised not to come to work, and to see a doctor early
(应劝其不上班，并尽早到医院或社区卫生服务中心就诊); journeys, gatherings and health are checked and kept in each
person's file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from hub.forms.models import Concern
from hub.registry.entries import is_listed

SYMPTOMS = ("fever", "cough", "throat", "breath", "tired", "diarrhoea", "other")
BODY_C = (34.0, 43.0)
"""What a thermometer shows of a living person at home, in °C."""
FEVER_C = 37.3
MOST = 200


class Answers(Struct, frozen=True):
    """A form as it was filled in. A question that was answered with no is empty."""

    temperature_c: float | None = None
    symptoms: tuple[str, ...] = ()
    told: str = ""
    travelled: str = ""
    gathered: str = ""
    contact: str = ""


class Unfit(Exception):
    """The form cannot be taken: by field, the key of the words that say why."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(str(faults))
        self.faults = faults


def read(fields: Mapping[str, str]) -> Answers:
    """The answers in a form's fields. Raises `Unfit`: every question wants an answer, and yes wants a word more."""
    faults: dict[str, str] = {}
    answers = Answers(
        temperature_c=_temperature(fields.get("temperature", ""), faults),
        symptoms=tuple(code for code in SYMPTOMS if fields.get(f"symptom-{code}")),
        told=fields.get("told", ""),
        **{name: _yes_no(fields, name, faults) for name in ("travelled", "gathered", "contact")},
    )
    if fields.get("well") not in {"yes", "no"}:
        faults["well"] = "choose"
    elif fields["well"] == "yes" and answers.symptoms:
        faults["well"] = "well-but"
    elif fields["well"] == "no" and not answers.symptoms:
        faults["well"] = "which"
    faults |= {name: "long" for name, text in fields.items() if len(text) > MOST}
    if faults:
        raise Unfit(faults)
    return answers


def concern_of(answers: Answers, areas: Collection[str]) -> Concern:
    """How much the answers call for a look; `areas` are those of the site's list."""
    if answers.symptoms or (answers.temperature_c or 0.0) >= FEVER_C:
        return Concern.ILL
    if answers.contact or is_listed(answers.travelled, areas):
        return Concern.CALL
    return Concern.NOTE if answers.travelled or answers.gathered else Concern.NONE


def keeps_away(concern: Concern) -> bool:
    """Whether somebody should not come before they were spoken to."""
    return concern in {Concern.ILL, Concern.CALL}


def _temperature(text: str, faults: dict[str, str]) -> float | None:
    if not text:
        return None  # not everybody has a thermometer at home; they are measured at the gate
    try:
        value = float(text.replace(",", ".").replace("，", ".").removesuffix("℃").removesuffix("°C"))
    except ValueError:
        faults["temperature"] = "temperature"
        return None
    if not BODY_C[0] <= value <= BODY_C[1]:
        faults["temperature"] = "temperature"
        return None
    return round(value, 1)


def _yes_no(fields: Mapping[str, str], name: str, faults: dict[str, str]) -> str:
    """Empty for no; for yes, what was said about it."""
    match fields.get(name), fields.get(f"{name}-what", ""):
        case "no", _:
            return ""
        case "yes", str(what) if what:
            return what
        case "yes", _:
            faults[name] = "what"
        case _:
            faults[name] = "choose"
    return ""
