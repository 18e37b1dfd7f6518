"""`menshen edge watch`: a recording as the gate sees it, as a window, a video file or pictures.

recording ─ Screen ─ View ─ Sheet (frame, boxes, words) ─ Output (window, video, PNGs)
"""
