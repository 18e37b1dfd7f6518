"""Beside others: the same events through the same broker into the same InfluxDB, by Menshen, Node-RED and telegraf."""
