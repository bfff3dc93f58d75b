"""The catalogue of pages: one entry here makes a page, its address and its place in the navigation."""

from __future__ import annotations

from dashboards.frame import PageSpec
from dashboards.pages import events, overview
from dashboards.store import OverviewStore

PAGES = (
    PageSpec("overview", "Overview", "overview", overview.page, shared=OverviewStore),
    PageSpec("events", "Events", "events", events.page),
)
