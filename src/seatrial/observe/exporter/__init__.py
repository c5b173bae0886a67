"""Serves metrics: collectors look, the exporter puts together what they say, over HTTP or as a textfile."""
