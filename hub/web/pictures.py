"""The thermal picture of an alert, for who may see health data; each look leaves a line in the record."""

from __future__ import annotations

import asyncio

from fastapi import Depends, FastAPI, Response

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.alerts.desk import AlertDesk
from hub.pictures.store import Pictures
from hub.web.access import Access, Denied


def add_pictures(app: FastAPI, access: Access, desk: AlertDesk, pictures: Pictures) -> None:
    """`/alerts/ID/picture`."""
    seeing = access.needs(Permission.HEALTH)

    @app.get("/alerts/{alert}/picture")
    async def picture(alert: int, who: Who = Depends(seeing)) -> Response:
        row = await desk.ask(lambda store, _: store.alert(alert))
        found = b"" if row is None else await asyncio.to_thread(pictures.of_alert, row)
        if not found:
            raise Denied(404, "no-picture")
        now_ns = access.now_ns()
        await access.database.write(lambda session: note(session, now_ns, who.login, "picture-seen", f"alert {alert}"))
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
