"""An executed notebook as one self-contained page without code, and that page as PDF; nothing is ever fetched."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from omnisight_lab.errors import OmniSightError

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).parent
_BLOCK_STYLE = re.compile(r"<style data-omnisight[^>]*>.*?</style>", re.DOTALL)
_THEMED = re.compile(r"var\(--[a-z0-9-]+, *(#[0-9a-f]{6})\)")


def style() -> str:
    """The style of the blocks that reports are made of; they carry it, so that they look alike in JupyterLab."""
    dark = f'body[data-jp-theme-light="false"] {{{_file("dark.css")}}}'
    return f"<style data-omnisight>{_file('blocks.css')}{dark}</style>"


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def page(notebook: NotebookNode) -> str:
    """The HTML page: prose and outputs of `notebook`, light or dark as the reader's system is."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        mathjax_url="",
        require_js_url="",
        mermaid_js_url="",
    )
    body, _ = exporter.from_notebook_node(notebook)
    return Template(_file("page.html")).substitute(
        title=escape(_title(notebook)),
        style=_file("blocks.css") + Template(_file("page.css")).substitute(dark=_file("dark.css")),
        body=_BLOCK_STYLE.sub("", body),
    )


def _title(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.lstrip().startswith("#"):
            return str(cell.source).strip().splitlines()[0].lstrip("# ")
    return "Report"


def require_pdf() -> None:
    """OmniSightError says what is missing where PDF can't be made."""
    try:
        import weasyprint  # noqa: F401
    except ImportError as error:
        raise OmniSightError("PDF needs the extra `pdf`: pip install 'omnisight-lab[pdf]'") from error
    except OSError as error:
        raise OmniSightError(
            "PDF needs Pango: install libpango-1.0-0, libpangoft2-1.0-0 and libharfbuzz-subset0"
        ) from error


def pdf(html: str) -> bytes:
    """The PDF of a page from `page`, in its light colours; an address other than data: is refused."""
    require_pdf()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    plain = _THEMED.sub(r"\1", html)  # WeasyPrint draws inline SVG without the page's variables
    return bytes(HTML(string=plain, url_fetcher=URLFetcher(allowed_protocols=("data",))).write_pdf())
