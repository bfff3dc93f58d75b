"""Charts: a DataFrame in, HoloViews out. Bokeh in notebooks and dashboards, matplotlib in reports; no queries."""
