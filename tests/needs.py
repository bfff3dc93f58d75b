"""Marks for tests that need a system package: on a bare machine they are skipped, naming it."""

from __future__ import annotations

import ctypes.util
import importlib.util
import shutil

import pytest

HAS_PANGO = bool(ctypes.util.find_library("pango-1.0"))
pango = pytest.mark.skipif(not HAS_PANGO, reason="needs Debian's libpango-1.0-0 and libpangoft2-1.0-0")
poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs Debian's poppler-utils")
HAS_SPARK = bool(importlib.util.find_spec("pyspark") and shutil.which("java"))
spark = pytest.mark.skipif(not HAS_SPARK, reason="needs the extra spark and Debian's default-jre-headless")
