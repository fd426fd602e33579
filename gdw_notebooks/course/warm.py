"""A warm parent: a process that has imported everything, and forks a kernel from itself for each page.

Forked pages share the parent's memory until they write to it. The parent trains nothing and starts no thread: a fork
copies only the thread that calls it. It listens to nothing but one socket that the server holds. Linux only.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys

PRELOADED = (
    "ipykernel.ipkernel", "ipykernel.kernelapp", "matplotlib.backends.backend_agg", "pandas", "torch._dynamo",
    "gdw", "gdw_notebooks.panels.classroom",
)  # fmt: skip
PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent ends
KERNEL = 3  # in `python -m ipykernel_launcher -f FILE ...`: what comes before are Python, -m and the module


def serve(connection: socket.socket) -> None:
    """Answer requests, a line of JSON each, until the server is gone: start a kernel, or tell how one ended."""
    load()
    lines = connection.makefile("rw", encoding="utf-8")
    print(json.dumps({"ready": True}), file=lines, flush=True)
    ended: dict[int, int] = {}
    parent = os.getpid()
    for line in lines:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                end_with(parent)
                os.close(connection.fileno())  # its own close would wait for the reader above
                become_kernel(request)
            answer = pid
        else:
            _collect(ended)
            answer = ended.get(request["poll"])
        print(json.dumps({"answer": answer}), file=lines, flush=True)


def end_with(parent: int) -> None:
    """Let this process end when its parent does, however that ends.

    Ipykernel looks for its parent too, but it read which process that is when it was imported: before the fork.

    Args:
        parent: the process that has started this one. If it is gone already, this process ends here.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def load() -> None:
    """Whatever pages need, as far as a fork can take it over."""
    for name in PRELOADED:
        importlib.import_module(name)
    _open_once()
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise write to, and so copy, every page of memory


def become_kernel(request: dict) -> None:
    """Turn this fork into the kernel of one page; never returns."""
    status = 1
    try:
        os.setsid()  # its own group: signals to one page reach no other
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        sys.argv = request["start"][KERNEL - 1 :]
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(sys.argv[1:])
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)  # nothing of the parent's may run here


def _open_once() -> None:
    """Open each tab of the classroom and throw it away: fonts, formulas and late imports are then there for all pages.

    Torch's optimizers import its compiler when the first of them is made: alone 1.3 s and 80 MB a page.
    """
    from ipywidgets import Widget, register_comm_target

    from gdw_notebooks.panels.classroom import Classroom

    room = Classroom()
    for tab in range(len(room.children)):
        room.selected_index = tab
    Widget.close_all()
    register_comm_target()  # ipywidgets does it only in a kernel; without it a page asks for each widget by itself


def _collect(ended: dict[int, int]) -> None:
    """Note every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])


def main() -> None:
    end_with(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which then closes the socket
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
