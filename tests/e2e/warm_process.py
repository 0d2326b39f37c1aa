"""A process that has loaded TensorFlow and TFX, and becomes a command in a fork.

Loading them takes longer than most runs on `digits`. Each line of standard input is a
command, or `python FILE`, with its surroundings as JSON; it is answered by two lines: the
id of the command's process, and, when it has ended, its exit status.
"""

import json
import os
import runpy
import sys

FILES = ("stdout", "stderr")


def serve():
    # The modules of a run. Nothing may be computed before the fork: TensorFlow's threads
    # would be missing after it.
    import tfx_distill.pipeline.graph
    import tfx_distill.pipeline.runners.local.dag_runner  # noqa: F401
    from tfx_distill.pipeline.cli import entry_point

    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(**json.loads(line))
            if sys.argv[0] == sys.executable:  # a script of Python
                runpy.run_path(sys.argv[1], run_name="__main__")
                sys.exit()
            entry_point()
        os.write(1, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(words, environment, working_dir, folder):
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(working_dir)
    sys.argv = words
    for descriptor, name in enumerate(FILES, 1):
        file = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


if __name__ == "__main__":
    serve()
