"""What the pages for telephones stand on, over a real journal and the projections that they read."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from hub.archive import Archive
from hub.forms.links import Signer
from hub.projections.runner import Runner
from hub.rounds.record import FILE, RoundRecord
from hub.rounds.settings import RoundSettings
from hub.web.notices import NoticePages
from hub.web.rounds import RoundPages
from hub.web.telephones import Telephones
from tests.support.console import ZONE

SITE = "baotou-1"
SIGNER = Signer(b"a key of telephones, 32 bytes long")


class Recorded:
    """A journal, and the record of rounds that is made from it."""

    def __init__(self, folder: Path) -> None:
        self.archive = Archive(folder / "journal.db")
        self.record = RoundRecord(folder / FILE, ZONE)
        self.settings = RoundSettings()
        self.told = 0
        """How often something has changed about notices."""

    async def start(self) -> None:
        await self.archive.start()
        self._task = asyncio.create_task(Runner(self.archive, self.record).run())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.archive.stop()

    def _tell(self) -> None:
        self.told += 1

    def pages(self) -> Telephones:
        tell = partial(self.archive.append_own, SITE)
        return Telephones(
            SIGNER, None, RoundPages(self.record, self.settings, tell), NoticePages(self._tell, lambda: {"north"})
        )
