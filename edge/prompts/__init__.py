"""What the gate says aloud, in Chinese and English: the texts, and which of them a decision asks for.

The recordings beside this file (`zh/KEY.wav`, `en/KEY.wav`, 8-bit µ-law, 11,025 Hz, mono) are made from the texts by
`python -m edge.prompts.render`. People stand beside each other at a gate, so nothing that is said tells of anybody's
health: who is to be measured again or isolated is sent to the guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from wire.events import Outcome, Reason

Lang = Literal["zh", "en"]
FOLDER = Path(__file__).parent


class Text(NamedTuple):
    """One thing to say."""

    zh: str
    en: str


TEXTS = {
    "allow": Text("请进。", "Please go in."),
    "allow-vehicle": Text("请通行。", "Please drive on."),
    "deny": Text("请到门卫处。", "Please see the guard."),
    "remeasure": Text("请到旁边等候，门卫为您测量体温。", "Please step aside. The guard will take your temperature."),
    "fire-alarm": Text("火警，请立即从最近的出口离开。", "Fire alarm. Leave at once by the nearest exit."),
    "tailgating": Text(
        "请逐一通行，刚才的两位请到门卫处。", "One at a time, please. Both of you, please see the guard."
    ),
    "stop": Text("请留步，到门卫处登记。", "Please stop, and register with the guard."),
    "one-person": Text("请一次一人，站到镜头前。", "One person at a time before the camera, please."),
    "wrong-direction": Text("方向错误，请走另一通道。", "Wrong way. Please take the other lane."),
    "passed-back": Text("此卡已经入内，请到门卫处。", "This badge is inside already. Please see the guard."),
    "two-gates": Text("此卡刚在别处使用，请到门卫处。", "This badge was just used elsewhere. Please see the guard."),
    "tag-mismatch": Text("车牌与标签不符，请到门卫处。", "Plate and tag do not match. Please see the guard."),
    "no-mask": Text("请戴好口罩。", "Please put on your mask."),
    "no-badge": Text(
        "请刷卡。访客请到门卫处登记。", "Please show your badge. Visitors, please register with the guard."
    ),
    "unknown-badge": Text("此卡未登记，请到门卫处。", "This badge is not registered. Please see the guard."),
    "not-valid-now": Text("此卡现在无效，请到门卫处。", "This badge is not valid now. Please see the guard."),
    "not-at-this-gate": Text("此卡不能在本门使用。", "This badge is not for this gate."),
    "not-at-this-hour": Text("此卡现在不能使用。", "This badge is not for this hour."),
    "not-resumed": Text("本厂尚未复工，请到门卫处。", "The site has not resumed work. Please see the guard."),
    "no-stated-reason": Text("请到门卫处登记来访事由。", "Please state your reason to the guard."),
    "no-host": Text("请到门卫处登记被访人。", "Please tell the guard whom you visit."),
    "not-declared": Text("请先填写今天的健康申报。", "Please fill in today's health declaration first."),
    "unmeasured": Text(
        "没有测到体温，请正对镜头，或到门卫处。", "Not measured. Please face the camera, or see the guard."
    ),
    "vehicle-unregistered": Text("车辆未登记，请到门卫处登记。", "Vehicle not registered. Please see the guard."),
    "vehicle-unread": Text("没有看清车牌，请稍候。", "The plate could not be read. Please wait."),
    "not-disinfected": Text("请先到消毒点消毒。", "Please have the vehicle disinfected first."),
    "wait": Text("请稍候，门卫马上来。", "Please wait for the guard."),
}
ANNOUNCEMENTS = {
    "say-mask": Text("请佩戴口罩，请勿聚集。", "Please wear your mask, and keep apart from others."),
    "say-hands": Text("请勤洗手，注意个人卫生。", "Please wash your hands often."),
    "say-declare": Text("请每日上班前申报健康状况。", "Please declare your health every day before work."),
    "say-ill": Text(
        "如有发热、咳嗽，请不要上班，尽早就医。", "With a fever or a cough, do not come to work. See a doctor soon."
    ),
    "say-meals": Text("请按班组时段错时用餐。", "Please eat at the time of your team."),
    "say-notice": Text("请看屏幕上的最新通知。", "Please read the new notice on the screen."),
}
"""What a notice of the hub may let a gate say, to everybody; not about anybody."""
REASONS = {
    "tailgating": "tailgating",
    "entered-refused": "stop",
    "unscreened-entry": "stop",
    "fever": "remeasure",
    "suspect": "remeasure",
    "in-isolation": "deny",
    "in-quarantine": "deny",
    "no-isolation-place": "deny",
    "declared-ill": "deny",
    "several-people": "one-person",
    "wrong-direction": "wrong-direction",
    "passed-back": "passed-back",
    "two-gates": "two-gates",
    "tag-mismatch": "tag-mismatch",
    "no-mask": "no-mask",
    "no-badge": "no-badge",
    "unknown-badge": "unknown-badge",
    "not-valid-now": "not-valid-now",
    "not-at-this-gate": "not-at-this-gate",
    "not-at-this-hour": "not-at-this-hour",
    "not-resumed": "not-resumed",
    "no-stated-reason": "no-stated-reason",
    "no-host": "no-host",
    "not-declared": "not-declared",
    "unmeasured": "unmeasured",
    "vehicle-unregistered": "vehicle-unregistered",
    "vehicle-unread": "vehicle-unread",
    "not-disinfected": "not-disinfected",
    "registry-old": "wait",
}
"""The text of a reason; of several reasons, the first here is told."""
UNSAID = frozenset(
    {"fire-alarm", "device-gone", "temperature-normal", "vehicle-registered", "measured-by-hand", "fail-safe", "other"}
)
"""Reasons that need no words beside the outcome's, and the alarm, which is told whatever the outcome."""
_OF_VEHICLES = frozenset({"vehicle-registered", "tag-mismatch", "vehicle-unread", "vehicle-unregistered"})


def key_of(outcome: Outcome, reasons: Sequence[Reason]) -> str | None:
    """The key of what a decision says aloud; None for a lane at rest and for what has no words."""
    given = {str(reason) for reason in reasons}
    if "fire-alarm" in given:
        return "fire-alarm"
    if outcome is Outcome.ALLOW:
        return "allow" if _OF_VEHICLES.isdisjoint(given) else "allow-vehicle"
    if outcome is Outcome.OTHER or not given:
        return None
    return next((key for reason, key in REASONS.items() if reason in given), outcome.value)
