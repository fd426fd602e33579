"""A filter of system calls for the sandbox, in the bytes that bubblewrap hands to Linux.

It refuses what a notebook does not need and what would lead around the limits: name spaces of its own, memory and time
that nobody counts, other processes' memory, kernel keys, and interfaces with a long history of holes. See seccomp(2).
"""

import errno
import platform
import struct

# Number of the machine in Linux's audit.h, and the numbers of the calls there.
MACHINES = {
    "x86_64": (0xC000003E, {
        "rt_sigaction": 13, "shmget": 29, "clone": 56, "msgget": 68, "ptrace": 101, "mount": 165, "umount2": 166,
        "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "memfd_create": 319, "bpf": 321, "userfaultfd": 323,
        "io_uring_setup": 425, "fsopen": 430, "clone3": 435, "memfd_secret": 447,
    }),
    "aarch64": (0xC00000B7, {
        "umount2": 39, "mount": 40, "unshare": 97, "ptrace": 117, "rt_sigaction": 134, "msgget": 186, "shmget": 194,
        "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "perf_event_open": 241, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "memfd_create": 279, "bpf": 280, "userfaultfd": 282,
        "io_uring_setup": 425, "fsopen": 430, "clone3": 435, "memfd_secret": 447,
    }),
}  # fmt: skip
NEW_USERS = 0x10000000  # CLONE_NEWUSER, the one flag of clone that is refused
SIGCHLD = 17  # who ignores it loses the time of children that end; so no handler for it is ever set
OTHER_NUMBERS = 0x40000000  # x86_64 has a second set of numbers from here on
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_ANY, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # where they are in what the filter sees
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
NOTHING = REFUSE  # with no error: the call seems to have worked


def possible() -> bool:
    """Whether the numbers of this machine's system calls are known here."""
    return platform.machine() in MACHINES


def filter_bytes() -> bytes:
    """The filter.

    Refused calls fail with EPERM. clone3 seems not to exist, so that the C library uses clone. A handler for SIGCHLD,
    which PyTorch's loaders set, seems to be set.
    """
    machine, numbers = MACHINES[platform.machine()]
    refused = [number for name, number in numbers.items() if name not in ("clone", "clone3", "rt_sigaction")]
    steps = [
        (LOAD, 0, 0, MACHINE), (JUMP_IF_EQUAL, 1, 0, machine), (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER), (JUMP_IF_AT_LEAST, 0, 1, OTHER_NUMBERS), (RETURN, 0, 0, REFUSE | errno.EPERM),
        (JUMP_IF_EQUAL, 0, 1, numbers["clone3"]), (RETURN, 0, 0, REFUSE | errno.ENOSYS),
    ]  # fmt: skip
    for number in refused:
        steps += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    steps += [
        (JUMP_IF_EQUAL, 0, 3, numbers["clone"]), (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_ANY, 0, 1, NEW_USERS), (RETURN, 0, 0, REFUSE | errno.EPERM),
        (LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 0, 3, numbers["rt_sigaction"]), (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, SIGCHLD), (RETURN, 0, 0, NOTHING), (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
