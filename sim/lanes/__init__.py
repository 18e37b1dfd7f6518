"""Situations at a lane whose truth is known: people, vehicles and devices, told in disorder, late, doubled or not at
all.

kinds.py ─► people.py, vehicles.py ─► Situation: what is told when, and what ought to come of it (sim.orders)
                                          │
           play.py: the edge's porters ◄──┤──► whole.py: a whole lane with its devices, in virtual time
                          │                                  │
                          └────────────► judge.py ◄──────────┘ ─► faults, each with its situation's number
"""
