"""How things stand at the hub, as points of the time series: what no event of the journal says by itself.

Gates' pulses, open alerts, duties and isolation places are looked at every second; each becomes a point of its hour,
day or moment that replaces itself as it changes (`file.py`), for InfluxDB and for the console's own boards.
"""
