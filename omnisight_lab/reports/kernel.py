"""The kernel of reports and of the lab: this interpreter's ipykernel, whatever else is installed as `python3`."""

from __future__ import annotations

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from traitlets import default
from zmq import has


class EnvironmentKernels(KernelSpecManager):
    """All installed kernels, of which `python3` is always this environment's own."""

    def find_kernel_specs(self) -> dict[str, str]:
        return {**super().find_kernel_specs(), NATIVE_KERNEL_NAME: RESOURCES}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name == NATIVE_KERNEL_NAME:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())
        return super().get_kernel_spec(kernel_name)


class EnvironmentKernelManager(AsyncKernelManager):
    """Starts one kernel out of `EnvironmentKernels`, and talks to it encrypted: others may use this machine too."""

    @default("kernel_spec_manager")
    def _environment_kernels(self) -> KernelSpecManager:
        return EnvironmentKernels(parent=self)

    @default("transport_encryption")
    def _encrypted(self) -> str:
        return "auto" if has("curve") else "disabled"
