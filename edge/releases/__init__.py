"""Updates from afar: a release of the program, heard of from the hub, tried, and confirmed or gone back from.

    hub ─ offer, pieces ─► care (agent) ─ inbox/request.json ─► loader ─ current ─► the agent of the next start
                                ▲                                 │
                                └──────── slots.json ◄────────────┘

Two programs that trust each other little. The agent loads and judges, and runs as itself. The loader belongs to the
installation (`/opt/menshen`), which no update from afar changes; it has a user of its own that owns nothing but its
folder, no network, and believes only what a release key signed. No code of a release runs with the loader's rights.
"""
