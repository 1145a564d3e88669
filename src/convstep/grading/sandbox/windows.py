"""A job of Windows: every process that a run starts belongs to it, and ends when it is closed.

Written after Microsoft's documentation of ``SetInformationJobObject``; elsewhere these functions do nothing.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

__all__ = ["FLAGS", "confine", "end"]

FLAGS = 0x08000000 | 0x00000200 if sys.platform == "win32" else 0  # no window, a group of its own
KILL_ON_CLOSE, ACTIVE_PROCESSES, JOB_MEMORY = 0x2000, 0x0008, 0x0200
EXTENDED = 9  # JobObjectExtendedLimitInformation


class Basic(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("user_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("smallest", ctypes.c_size_t),
        ("largest", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class Extended(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", Basic),
        ("counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process", ctypes.c_size_t),
        ("peak_job", ctypes.c_size_t),
    )


def confine(process: subprocess.Popen[bytes], memory: int = 0, processes: int = 0) -> int:
    """Put a process that waits for its task into a job.

    Parameters
    ----------
    process : Popen
        Just started.
    memory, processes : int
        What the job may use, all together; 0 is no limit.

    Returns
    -------
    int
        The job's handle; 0 where there is none.
    """
    if sys.platform != "win32":
        return 0
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = kernel.CreateJobObjectW(None, None)
    words = Extended()
    words.basic.flags = KILL_ON_CLOSE | (ACTIVE_PROCESSES if processes else 0) | (JOB_MEMORY if memory else 0)
    words.basic.processes = processes
    words.job_memory = memory
    kernel.SetInformationJobObject(ctypes.c_void_p(job), EXTENDED, ctypes.byref(words), ctypes.sizeof(words))
    kernel.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(int(process._handle)))  # noqa: SLF001 - no public name
    return int(job or 0)


def end(job: int) -> None:
    """End every process of a job.

    Parameters
    ----------
    job : int
        What ``confine`` returned; 0 does nothing.
    """
    if sys.platform == "win32" and job:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.TerminateJobObject(ctypes.c_void_p(job), 1)
        kernel.CloseHandle(ctypes.c_void_p(job))
