"""The hub's settings file (`hub.toml`)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from msgspec import Meta, Struct
from msgspec.structs import replace

from hub.accounts.oidc import OidcSettings
from hub.alerts.channels import KINDS, ChannelSettings, MailSettings
from hub.alerts.facts import Weekly
from hub.alerts.heartbeat import HeartbeatSettings
from hub.alerts.oncall import DayTime, EscalationSettings, PersonSettings, RotaSettings, faults
from hub.alerts.rules import RuleSettings
from hub.cases.settings import IsolationSettings
from hub.city.settings import CitySiteSettings
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.duties.standing import DutyRules
from hub.fleet.settings import FleetSettings
from hub.forms.settings import FormSettings
from hub.influx import InfluxSettings
from hub.privacy.settings import PrivacySettings
from hub.reports.settings import ReportSettings
from hub.rounds.settings import RoundSettings
from hub.trust.settings import AuthoritySettings
from wire.errors import SettingsError
from wire.events import Name
from wire.link import BrokerSettings
from wire.settings import Document, anchored, nearest


class EmbeddedSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the hub brings its own broker; it listens where `[broker]` says."""

    enabled: bool = False


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the console listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080


class AlertSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`page_within_s`: an event that reaches the hub later than this opens its alert and pages nobody; one of a gate
    whose clock is not synchronised is always paged, for its age is not known. A cause that is back within
    `reopen_within_s` of its end opens the same alert again. Thermal pictures of people with a fever
    are deleted after `pictures_keep_h`."""

    page_within_s: Annotated[float, Meta(gt=0)] = 3600.0
    reopen_within_s: Annotated[float, Meta(ge=0)] = 60.0
    gate_silent_after_s: Annotated[float, Meta(ge=1)] = 60.0
    registry_old_after_s: Annotated[float, Meta(ge=60)] = 3600.0
    pictures_keep_h: Annotated[float, Meta(gt=0, le=24 * 31)] = 72.0


class ConsoleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`public_url`: where telephones reach the console; pages then carry links to acknowledge by. `wall`: whether
    anybody may see `/wall`, the display without persons.
    `passwords`: whether people may sign in with one; without, only by `[oidc]`."""

    wall: bool = True
    passwords: bool = True
    public_url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+")] | None = None


class TestSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test page to every channel each week, on that day (1 is Monday) at that time."""

    weekday: Annotated[int, Meta(ge=1, le=7)]
    at: DayTime

    def of(self) -> Weekly:
        return Weekly(dt.time.fromisoformat(self.at), weekdays=frozenset({self.weekday - 1}))


class HubSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a hub needs. Paths are relative to the settings file's folder.

    `token_key_file` is the key that the site's gates have: the hub needs it to register a badge or a plate by number.
    `database` is the URL of the relational store; without it a file beside the journal.
    `disinfection_valid_s` is how long a vehicle's disinfection counts. `opens_on` is the first day on which the site
    may work: nobody sets an earlier one without an approval, and until somebody sets one it is when the site opens.
    """

    site: Name
    data: str = "var"
    database: Annotated[str, Meta(pattern="^(sqlite:///|postgresql://)")] | None = None
    token_key_file: str | None = None
    disinfection_valid_s: Annotated[float, Meta(gt=0)] = 86400.0
    broker: BrokerSettings = BrokerSettings()
    embedded_broker: EmbeddedSettings = EmbeddedSettings()
    authority: AuthoritySettings | None = None
    influx: InfluxSettings | None = None
    web: WebSettings = WebSettings()
    alerts: AlertSettings = AlertSettings()
    rules: RuleSettings = RuleSettings()
    isolation: IsolationSettings = IsolationSettings()
    duties: DutyRules = DutyRules()
    zone: str | None = None
    """The site's time zone; None: the machine's own."""
    console: ConsoleSettings = ConsoleSettings()
    oidc: OidcSettings | None = None
    heartbeat: HeartbeatSettings | None = None
    weekly_test: TestSettings | None = None
    channels: list[ChannelSettings] = []
    people: list[PersonSettings] = []
    rotas: list[RotaSettings] = []
    escalations: list[EscalationSettings] = []
    opens_on: dt.date | None = None
    rounds: RoundSettings = RoundSettings()
    checkpoints: list[CheckpointSettings] = []
    meals: MealSettings = MealSettings()
    report: ReportSettings | None = None
    city: list[CitySiteSettings] = []
    forms: FormSettings = FormSettings()
    privacy: PrivacySettings = PrivacySettings()
    fleet: FleetSettings | None = None

    @property
    def database_url(self) -> str:
        """Of the relational store."""
        return self.database or f"sqlite:///{Path(self.data) / 'menshen.db'}"


def load(path: Path) -> HubSettings:
    """The settings in the file. Raises `SettingsError`."""
    document = Document.read(path)
    # A list of channels of several kinds is checked one by one, so that an unknown key can be named.
    tables = document.data.pop("channels", [])
    settings = document.convert(document.data, HubSettings, ())
    document.data["channels"] = tables
    channels = _channels(document, tables)
    settings = replace(settings, channels=channels)
    _check_zones(document, settings)
    if not settings.console.passwords and settings.oidc is None:
        text = "is false, and there is no [oidc]: nobody could sign in"
        raise SettingsError([document.problem(("console", "passwords"), text)])
    _check_report(document, settings)
    _check_fleet(document, settings)
    wrong = faults(settings.people, settings.rotas, settings.escalations, [channel.name for channel in channels])
    if wrong:
        raise SettingsError([document.problem(where, text) for where, text in wrong])
    return anchored(settings, path.parent)


def _check_zones(document: Document, settings: HubSettings) -> None:
    named: list[tuple[tuple[str | int, ...], str | None]] = [(("zone",), settings.zone)]
    named += [(("people", n, "zone"), person.zone) for n, person in enumerate(settings.people)]
    named += [(("rotas", n, "zone"), rota.zone) for n, rota in enumerate(settings.rotas)]
    known = available_timezones()
    wrong = [
        document.problem(where, f"expected a time zone such as 'Asia/Shanghai'{nearest(zone, known)}")
        for where, zone in named
        if zone is not None and zone not in known
    ]
    if wrong:
        raise SettingsError(wrong)


def _check_report(document: Document, settings: HubSettings) -> None:
    report = settings.report
    servers = [channel.name for channel in settings.channels if isinstance(channel, MailSettings)]
    if report is not None and report.channel not in servers:
        expected = f"expected the name of a channel of kind smtp{nearest(report.channel, servers)}"
        raise SettingsError([document.problem(("report", "channel"), expected)])


def _check_fleet(document: Document, settings: HubSettings) -> None:
    if settings.fleet is None:
        return
    if not settings.database_url.startswith("postgresql://"):
        expected = "expected postgresql://USER:PASSWORD@HOST/NAME: the processes of a fleet share people and cases"
        raise SettingsError([document.problem(("database",), expected)])


def _channels(document: Document, tables: object) -> list[ChannelSettings]:
    if not isinstance(tables, list):
        raise SettingsError([document.problem(("channels",), "expected a list of tables, [[channels]]")])
    channels: list[ChannelSettings] = []
    problems: list[str] = []
    for index, table in enumerate(tables):
        try:
            channels.append(_channel(document, table, index))
        except SettingsError as error:
            problems += error.problems
    problems = problems or _doubled(document, channels)
    if problems:
        raise SettingsError(problems)
    return channels


def _channel(document: Document, table: object, index: int) -> ChannelSettings:
    where = ("channels", index)
    if not isinstance(table, dict):
        raise SettingsError([document.problem(where, "expected a table, [[channels]]")])
    kind = str(table.get("kind"))
    if kind not in KINDS:
        expected = f"expected kind = one of: {', '.join(repr(known) for known in KINDS)}{nearest(kind, KINDS)}"
        raise SettingsError([document.problem((*where, "kind") if "kind" in table else where, expected)])
    rest = {key: value for key, value in table.items() if key != "kind"}
    return document.convert(rest, KINDS[kind], where)


def _doubled(document: Document, channels: list[ChannelSettings]) -> list[str]:
    """A name stands for one channel in the record of what was sent: the second of that name would never be told."""
    names = [channel.name for channel in channels]
    return [
        document.problem(("channels", index, "name"), "is the name of another channel, expected one of its own")
        for index, name in enumerate(names)
        if name in names[:index]
    ]
