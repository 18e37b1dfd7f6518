"""The guard's page at the gate itself: what the camera sees now, behind a login. Off unless the gate's file says so.

    Lane ─ Stage (the last frame and reading, in memory only) ─ app (login, pages) ─ GuardServer

A page of one's own is a route more: `create_app(…, pages=[Route(…)])`. Every route but the login asks for a session,
and every request that changes something must come from our own page; a route need do neither itself.
"""
