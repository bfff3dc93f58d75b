"""papermill's engine for reports: a cell that overstays or a kernel that dies fails the notebook like any error."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager

from omnisight_lab.processes import die_with_parent
from omnisight_lab.reports.kernel import EnvironmentKernelManager


class ReportClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells in order until one fails; the failing cell says why in its output."""

    def execute(self, **kwargs: Any) -> nbformat.NotebookNode:
        # A kernel runs in a session of its own, so it has to be told to go when this process is killed
        follow = partial(die_with_parent, os.getpid(), signal.SIGKILL)
        with self.setup_kernel(preexec_fn=follow, **kwargs):
            self.papermill_execute_cells()
        return self.nb  # type: ignore[no-any-return]

    def papermill_execute_cells(self) -> None:
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                self._note(cell, error)
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                self.shutdown_kernel = "immediate"  # it may be in a loop, or gone
                break
            finally:
                self.nb_man.cell_complete(cell, cell_index=index)

    def _note(self, cell: nbformat.NotebookNode, error: Exception) -> None:
        """papermill raises for error outputs only, and these two leave none."""
        if isinstance(error, CellTimeoutError):
            name, text = "CellTimeout", f"the cell ran for longer than {self.timeout:g} s"
        elif isinstance(error, DeadKernelError):
            name, text = "KernelDied", "the kernel died while it ran the cell (out of memory, or killed)"
        else:
            return
        said = {"ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}
        cell.outputs.append(nbformat.from_dict({"output_type": "error", **said}))  # type: ignore[no-untyped-call]


class ReportEngine(NBClientEngine):  # type: ignore[misc]
    """Registered with papermill as `omnisight`."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        **options: Any,
    ) -> None:
        """Runs `nb_man.nb` in this environment's kernel; further options are traits of nbclient's client."""
        options.pop("input_path", None)
        ReportClient(
            nb_man,
            kernel_manager_class=EnvironmentKernelManager,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            timeout=execution_timeout,
            **options,
        ).execute()
