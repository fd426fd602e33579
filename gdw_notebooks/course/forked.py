"""Kernels forked from the warm parent, as jupyter_client's provisioners start and end them."""

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

NAME = "gdw-forked"
# Of Linux alone: on macOS the system's own libraries may crash in a fork. Elsewhere kernels are started as usual.
POSSIBLE = sys.platform == "linux" and hasattr(os, "fork")


class WarmParent:
    """The parent process and the socket to it; one for a server."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        env = os.environ | {"OMP_NUM_THREADS": "1", "PYTORCH_NVML_BASED_CUDA_CHECK": "1"}  # no thread, no CUDA yet
        command = [sys.executable, "-m", "gdw_notebooks.course.warm", str(theirs.fileno()), str(os.getpid())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=env, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module, no shell
        theirs.close()
        self._lines = ours.makefile("rw", encoding="utf-8")
        self._socket = ours
        if not self._lines.readline():
            raise OSError("the process that pages are started from ended while it was loading; see its message above")

    def ask(self, **request: object) -> int | None:
        """One question, one answer.

        Raises:
            OSError: the parent is gone, and all its pages with it.
        """
        print(json.dumps(request), file=self._lines, flush=True)
        line = self._lines.readline()
        if not line:
            raise OSError("the process that pages are started from is gone: start the demo again")
        return json.loads(line)["answer"]

    def close(self) -> None:
        """End it, and with it the pages that are left."""
        self._lines.close()
        self._socket.close()
        self.process.terminate()
        self.process.wait()


class ForkedProcess:
    """As much of ``subprocess.Popen`` as a provisioner needs, for a process that is the warm parent's child."""

    stdin = stdout = stderr = None

    def __init__(self, parent: WarmParent, pid: int):
        self.parent, self.pid, self.returncode = parent, pid, None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                self.returncode = self.parent.ask(poll=self.pid)
            except (OSError, ValueError):  # parent gone, or its socket closed: pages end with it
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self) -> int | None:
        """After a poll that told the end: there is nothing more to wait for."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel by a fork of the warm parent."""

    parent_process: WarmParent | None = None  # set once by ``use``: traitlets makes the provisioners

    async def launch_kernel(self, cmd: list[str], **kwargs):
        cwd = kwargs.get("cwd") or Path.cwd()
        pid = self.parent_process.ask(start=cmd, env=kwargs["env"], cwd=str(cwd))
        self.process, self.pid, self.pgid, self.cwd = ForkedProcess(self.parent_process, pid), pid, pid, cwd
        return self.connection_info


def use(parent: WarmParent) -> None:
    """From now on, this process starts its kernels so."""
    ForkedProvisioner.parent_process = parent
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:{ForkedProvisioner.__name__}", factory.GROUP_NAME)
    factory.default_provisioner_name = NAME
