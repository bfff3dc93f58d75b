"""Reports run in this environment, whatever other kernels are installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from omnisight_lab.reports.kernel import EnvironmentKernels


def test_python3_is_this_interpreter(tmp_path: Path) -> None:
    for name in ("python3", "other"):
        (tmp_path / name).mkdir()
        spec = {"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": name, "language": "python"}
        (tmp_path / name / "kernel.json").write_text(json.dumps(spec))
    kernels = EnvironmentKernels(kernel_dirs=[str(tmp_path)])
    assert kernels.get_kernel_spec("python3").argv[0] == sys.executable
    assert kernels.get_kernel_spec("other").argv[0] == "/nowhere/python"
    assert kernels.get_all_specs()["python3"]["spec"]["argv"][0] == sys.executable
