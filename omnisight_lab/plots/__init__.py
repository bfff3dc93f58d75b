"""Charts: a DataFrame in, HoloViews out. Bokeh in notebooks and dashboards, matplotlib in reports; no queries."""

from omnisight_lab.plots.charts import CHARTS, draw

__all__ = ["CHARTS", "draw"]
