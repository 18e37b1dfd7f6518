"""The guard's page at the gate itself, behind a login, needing no hub. Off unless the gate's file says so.

    Lane ─ Stage (the last frame and reading, in memory only) ─┐
    Lane ─ Ledger (what happened lately) ─ Station ─ Showing ──┴─ app, pages (login, HTML) ─ GuardServer
    form ─ forms (typed, or refused in words) ─ Presses (once) ─ Station ─► Lane, Follower, outbox

`station`, `ledger`, `forms` and `shown` know no web package. A page of one's own is a route more:
`create_app(…, pages=[Route(…)])`. Every route but the login asks for a session, and every request that changes
something must come from our own page; a route need do neither itself.
"""
