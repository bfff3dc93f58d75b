"""The page and its PDF fetch nothing, and hide what is not for readers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from omnisight_lab.errors import OmniSightError
from omnisight_lab.reports import render


def notebook(html: str) -> nbformat.NotebookNode:
    shown = nbformat.v4.new_output("display_data", {"text/html": html})
    noise = nbformat.v4.new_output("stream", name="stderr", text="a warning")
    cells = [
        nbformat.v4.new_markdown_cell("# Title <b>\n\nWords with $math$."),
        nbformat.v4.new_code_cell("secret_code()", outputs=[shown, noise]),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def test_page_hides_code_and_names_no_address() -> None:
    page = render.page(notebook(render.style() + "<p>figure</p>"))
    assert "<title>Title &lt;b&gt;</title>" in page and "figure" in page and "Words with" in page
    assert "secret_code" not in page and "http" not in page and "<script" not in page
    assert page.count(".om-tiles {") == 2  # the style once, and its rule for print


def test_pdf_reads_no_file_and_no_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture = tmp_path / "secret.png"
    picture.write_bytes(b"\x89PNG")
    html = f'<p>kept</p><img src="file://{picture}"><img src="http://127.0.0.1:9/x.png">'
    data = render.pdf(f"<body>{html}<p style='color: var(--ink, #1f2933)'>in colour</p></body>")
    assert data.startswith(b"%PDF")
    refused = [record.getMessage() for record in caplog.records if "disallowed protocol" in record.getMessage()]
    assert len(refused) == 2


def test_missing_extra_is_one_sentence(tmp_path: Path) -> None:
    """In a process of its own, in which WeasyPrint can't be imported."""
    code = (
        "import sys; sys.modules['weasyprint'] = None\n"
        "from omnisight_lab.reports import render\n"
        "try: render.require_pdf()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == f"{OmniSightError.__name__} PDF needs the extra `pdf`: pip install 'omnisight-lab[pdf]'\n"
