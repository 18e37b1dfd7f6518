"""A gate's file is checked to the last key, and what is wrong is said with its line."""

from __future__ import annotations

import pytest

from edge import settings
from wire.errors import SettingsError

HEAD = 'site = "s"\ngate = "g"\ntoken_key_file = "k"\n'
LANE = '[[lanes]]\nname = "p"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[policy]\nmasks_required = true\n" + LANE,
            r":5: policy.masks_required = True: unknown key, did you mean 'mask_required'",
        ),
        ("[policy.person]\nfever = 'note'\n" + LANE, r":5: policy.person.fever = 'note': unknown key"),
        ("[policy.person]\nunmeasured = 'note'\n" + LANE, r":5: policy.person.unmeasured = 'note': invalid enum value"),
        ("[policy]\nantipassback = 'on'\n" + LANE, r":5: policy.antipassback = 'on'"),
        ("[policy]\nresumes = 2020-02-10T00:00:00\n" + LANE, r":5: policy.resumes .*timezone"),
        ("[policy]\ncontact_fever_c = 99.0\n" + LANE, r":5: policy.contact_fever_c = 99.0"),
        (LANE.replace("[lanes.badge]", "counts_crossings = true\n[lanes.badge]"), r"counts_crossings needs .*contact"),
        (LANE.replace("[lanes.badge]", 'direction = "both"\n[lanes.badge]'), r":6: lanes\[0\].direction = 'both'"),
        (LANE.replace("[lanes.badge]", 'kind = "vehicle"\n[lanes.badge]'), r"needs a table \[lanes.vehicle\] or"),
        (
            LANE.replace("[lanes.badge]", 'kind = "vehicle"\nplace = "canteen"\n[lanes.badge]'),
            r"place = 'canteen': is of a lane for people",
        ),
        (
            LANE + '[lanes.camera]\ndriver = "simulated"\nscene = "x"\n[lanes.thermal]\none_person = false\n',
            r"one_person = false cannot tell whose badge",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_what_was_expected(tmp_path, text, told):
    path = tmp_path / "gate.toml"
    path.write_text(HEAD + text)
    with pytest.raises(SettingsError, match=told):
        settings.load(path)


def test_rules_are_the_sites_to_set(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(
        HEAD
        + "[policy]\nresumes = 2020-02-10T00:00:00+08:00\n[policy.walk_s]\nsouth = 240\n"
        + '[policy.person]\nno_mask = "note"\n'
        + LANE
    )
    policy = settings.load(path).settings.policy
    assert policy.resumes_ns == 1_581_264_000 * 10**9
    assert (policy.walk_s, policy.person.no_mask, policy.vehicle.no_mask) == ({"south": 240.0}, "note", "remeasure")
