"""How threads share out the jobs of a kernel: a board of int64 in memory, read and written atomically.

One rule: whoever asks does the work too, so nobody ever waits for a thread that has not begun; a busy pool means working alone.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.words import add, call, exchange, load_int, look, pause

LINE = 8  # int64 numbers in a cache line: what one thread writes must not lie beside what another reads
TAKEN, OPEN, NEXT, BUSY, TASK = (8 * LINE * i for i in range(5))  # places on the board in bytes
ARGUMENTS, JOBS, WORKERS = TASK + 8, TASK + 16, TASK + 24


@inner
def share_out(board, code, jobs, workers, generation, arguments):
    """Run all jobs of a kernel: with the pool, or alone where there is one job, one worker, or somebody else has the pool."""
    if jobs == 1 or workers == 1 or exchange(board + TAKEN, 1) != 0:
        for i in range(jobs):
            call(code, arguments, i, 0)
        return
    exchange(board + NEXT, 0)
    exchange(board + TASK, code)
    exchange(board + ARGUMENTS, arguments)
    exchange(board + JOBS, jobs)
    exchange(board + WORKERS, workers)
    exchange(board + OPEN, generation)
    while True:
        i = add(board + NEXT, 1)
        if i >= jobs:
            break
        call(code, arguments, i, 0)
    exchange(board + OPEN, 0)
    while look(board + BUSY) != 0:  # those who began; nobody begins now
        pause()
    exchange(board + TAKEN, 0)


def conduct():
    """Make the kernel that runs another one, whose arguments stand behind its own."""

    def conduct(task, job, worker):
        board, code, jobs = load_int(task), load_int(task + 8), load_int(task + 16)
        share_out(board, code, jobs, load_int(task + 24), load_int(task + 32), task + 40)

    return conduct


def conduct_all():
    """Make the kernel that runs several others, one after the other: rows of (code, jobs, workers, place of arguments) follow its own.

    Places count bytes from its first argument.
    """

    def conduct_all(task, job, worker):
        board, generation, count = load_int(task), load_int(task + 8), load_int(task + 16)
        for step in range(count):
            at = task + 24 + 32 * step
            share_out(board, load_int(at), load_int(at + 8), load_int(at + 16), generation + step, task + load_int(at + 24))

    return conduct_all


def perform():
    """Make the kernel that runs a program: a table of (code, jobs, workers, address of arguments), one after the other."""

    def perform(board, table, count, generation, job, worker):
        for step in range(count):
            at = table + 32 * step
            share_out(board, load_int(at), load_int(at + 8), load_int(at + 16), generation + step, load_int(at + 24))

    return perform


def serve():
    """Make the kernel of an idle thread, which helps whoever conducts, until nobody has for a while."""

    def serve(board, spins, me, job, worker):
        seen, idle = 0, 0
        while idle < spins:
            generation = look(board + OPEN)
            if generation < 0:
                return  # the process ends
            if generation == 0 or generation == seen:
                idle += 1
                pause()
                continue
            add(board + BUSY, 1)
            if look(board + OPEN) == generation and me < look(board + WORKERS):  # still open: the task stays until we are done
                code, arguments, jobs = look(board + TASK), look(board + ARGUMENTS), look(board + JOBS)
                while True:
                    i = add(board + NEXT, 1)
                    if i >= jobs:
                        break
                    call(code, arguments, i, me)
            add(board + BUSY, -1)
            seen, idle = generation, 0

    return serve
