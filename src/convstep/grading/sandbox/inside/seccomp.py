"""A filter on system calls: no network, no other process, no namespaces. It needs no rights, so it holds for any user.

The numbers are those of the kernel's tables (asm/unistd_64.h for x86-64, asm-generic/unistd.h for 64-bit ARM).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from .linux import prctl

__all__ = ["enter", "offered"]

# Each call by its two numbers, on x86-64 and on ARM64.
REFUSED = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "personality": (135, 92),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # What Landlock does not see: the modes, owners, attributes and times of files.
    "chmod": (90, 53),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, 54),
    "fchown": (93, 55),
    "lchown": (94, 54),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, 88),
    "utimes": (235, 88),
    "futimesat": (261, 88),
    "utimensat": (280, 88),
}
KILLS = ((62, 129), (200, 130), (234, 131))  # kill, tkill, tgkill: a process is the first argument
LIMITS = ((302, 261), (203, 122), (144, 119), (142, 118), (314, 274))  # prlimit, sched_set...: so it is, 0 for oneself
PRIORITIES = ((141, 140), (251, 30))  # setpriority, ioprio_set: it is the second
CLONE, CLONE3 = (56, 220), (435, 435)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH
NAMESPACES = 0x7E020000  # every CLONE_NEW flag
X32 = 0x40000000
LOAD, EQUAL, GREATER, SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of the classic BPF machine
ALLOW, REFUSE, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # where they lie in struct seccomp_data
PR_SET_SECCOMP = 22

Code = list[tuple[int, int, int, int]]


def offered() -> bool:
    """Whether the numbers are known for this machine."""
    return os.uname().machine in MACHINES and ctypes.sizeof(ctypes.c_void_p) == 8


def enter(own: int) -> None:
    """Refuse from now on, here and in every child.

    Parameters
    ----------
    own : int
        The only process that may be sent a signal.
    """
    code = program(own)
    words = b"".join(struct.pack("=HBBI", *line) for line in code)
    lines = ctypes.create_string_buffer(words, len(words))
    filters = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(lines)))
    prctl(PR_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(filters)))


def program(own: int) -> Code:
    """The filter, for the machine that this is."""
    column, architecture = MACHINES[os.uname().machine]
    code: Code = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
        (GREATER, 0, 1, X32),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        *answer(CLONE3[column], errno.ENOSYS),  # its flags cannot be seen; the C library then uses clone
    ]
    for numbers in REFUSED.values():
        code += answer(numbers[column], errno.EPERM)
    for number in KILLS:
        code += unless(number[column], FIRST, own)
    for number in LIMITS:
        code += unless(number[column], FIRST, 0)
    for number in PRIORITIES:
        code += unless(number[column], SECOND, 0)
    return [*code, *namespaces(CLONE[column]), (RETURN, 0, 0, ALLOW)]


def answer(number: int, error: int) -> Code:
    """Refuse a call, whatever it asks."""
    return [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | error)]


def unless(number: int, place: int, value: int) -> Code:
    """Refuse a call unless its argument at a place has a value."""
    return [
        (EQUAL, 0, 4, number),
        (LOAD, 0, 0, place),
        (EQUAL, 1, 0, value),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]


def namespaces(number: int) -> Code:
    """Refuse to fork into new namespaces."""
    return [(EQUAL, 0, 3, number), (LOAD, 0, 0, FIRST), (SET, 0, 1, NAMESPACES), (RETURN, 0, 0, REFUSE | errno.EPERM)]
