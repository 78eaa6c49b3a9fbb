"""Execute the notebooks, two at a time, and refuse what must not be committed.

    python notebooks/execute.py            execute all and write nothing
    python notebooks/execute.py --write    execute all and write their outputs in place
    python notebooks/execute.py notebooks/05_attention.ipynb

What is written depends on the notebook alone: no times of execution, no version of Python, no name of a kernel. A
notebook that raises, or whose text or outputs hold a path or a memory address of the machine that ran it, is refused
and stays as it was.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

FOLDER = Path(__file__).parent
AT_A_TIME = 2
SECONDS_PER_CELL = 300
WIDGET = "application/vnd.jupyter.widget-view+json"

HERE = [str(path) for path in (FOLDER.resolve().parent, Path.home(), Path(tempfile.gettempdir())) if path.name]
ANYWHERE = [r"/(?:home|Users)/[\w.-]+", "/root/", "/tmp/", "/var/folders/", r"[A-Za-z]:\\+Users\\"]
OF_ONE_MACHINE = {
    "a path of this machine": re.compile("|".join(ANYWHERE + [re.escape(path) for path in HERE])),
    "a memory address": re.compile(r"\bat 0x[0-9a-fA-F]{6,}"),
}


def texts_of(cell):
    """Yield (place, text) for everything in a cell that a reader can read."""
    yield "source", cell.source
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield "output", output.text
        elif output.output_type == "error":
            yield "output", "\n".join(output.traceback)
        else:
            for kind, content in output.data.items():
                if not kind.startswith("image/png"):
                    yield "output", str(content)


def faults(notebook):
    """List what keeps an executed notebook from being committed, one line each."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"cell {number}: ends in {output.ename}: {output.evalue}")
        for place, text in texts_of(cell):
            for what, pattern in OF_ONE_MACHINE.items():
                if match := pattern.search(text):
                    found.append(f"cell {number}: {place} holds {what}: {match.group()}")
    return found


def tidy(notebook):
    """Take out of `notebook` what differs from run to run or from machine to machine."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key == "tags"})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)  # it moves only while its kernel runs; the figure beside it stays


async def execute(path, write):
    """Execute one notebook, write it if asked to, and return its faults."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        coalesce_streams=True,
    )
    try:
        await client.async_execute()
    except CellExecutionError as error:
        return [re.sub(r"\x1b\[[0-9;]*m", "", str(error))]
    except (CellTimeoutError, DeadKernelError) as error:
        return [str(error)]
    tidy(notebook)
    found = faults(notebook)
    if write and not found:
        nbformat.write(notebook, path)
    return found


async def execute_all(paths, write):
    """Execute notebooks, a few at a time, tell how each went and return how many were refused."""
    free_places = asyncio.Semaphore(AT_A_TIME)

    async def take_turn(path):
        async with free_places:
            start = time.perf_counter()
            found = await execute(path, write)
            print(f"{'refused' if found else 'ok':8}{path.name}  {time.perf_counter() - start:.0f} s", flush=True)
            for line in found:
                print(f"        {line}", flush=True)
            return bool(found)

    return sum(await asyncio.gather(*map(take_turn, paths)))


def main():
    """Read the command line, execute, and return the exit code: 0 all good, 1 some refused, 2 nothing to do."""
    parser = argparse.ArgumentParser(description="Execute the lecture notebooks.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="which ones (default: all in this folder)")
    parser.add_argument("--write", action="store_true", help="write the outputs in place")
    arguments = parser.parse_args()

    paths = arguments.notebooks or sorted(FOLDER.glob("*.ipynb"))
    missing = [str(path) for path in paths if not path.is_file()]
    if missing or not paths:
        print(f"no such notebook: {', '.join(missing) or FOLDER / '*.ipynb'}", file=sys.stderr)
        return 2

    threads = str(max(1, (os.cpu_count() or 1) // AT_A_TIME))
    os.environ |= {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    os.environ["PYTHONHASHSEED"] = "0"
    os.environ.pop("MPLBACKEND", None)  # the kernel's own choice draws figures into the notebook
    refused = asyncio.run(execute_all(paths, arguments.write))
    print(f"{len(paths) - refused} of {len(paths)} notebooks ran as they should", flush=True)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
