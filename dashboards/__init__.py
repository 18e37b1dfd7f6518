"""Grafana boards as code: typed Python writes classic dashboard JSON, in Chinese and English, from one source.

query.py      what a panel asks: rendered to InfluxQL, or answered from the hub's own figures (evaluate.py)
panels.py     a panel as a value: kind, queries, words, colours, thresholds
board.py      panels in rows, variables, annotations, links
boards/       the boards themselves
render.py     a board → Grafana's JSON
rules.py      what every board must keep, whatever Grafana's schema lets through
files.py, push.py, console.py   the three ways out: provisioning files, Grafana's API, the hub's own console
"""
