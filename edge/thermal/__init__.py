"""Frame in, people with a temperature, its uncertainty and a verdict out, or an honest refusal. No I/O.

`screen.Screen` is the face of this room: `Screen(settings).see(frame)` gives a `View`.
"""
