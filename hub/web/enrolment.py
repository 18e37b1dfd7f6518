"""`POST /enrol`: gates ask for their certificates. Who may is said by a code or a certificate, not by signing in."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request, Response

from hub.trust.service import Trust
from wire.errors import DecodeError, EnrolmentError

MAX_BYTES = 64 * 1024


def add_enrolment(app: FastAPI, trust: Trust) -> None:
    """The one call, for gates only."""

    def no(status: int, text: str) -> Response:
        return Response(msgspec.json.encode({"error": text}), status_code=status, media_type="application/json")

    @app.post("/enrol")
    async def enrol(request: Request) -> Response:
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BYTES:
            return no(413, f"expected at most {MAX_BYTES} bytes, with their length said")
        try:
            answer = await trust.answer(await request.body())
        except DecodeError as error:
            return no(400, str(error))
        except EnrolmentError as error:
            return no(403, str(error))
        return Response(answer, media_type="application/json")
