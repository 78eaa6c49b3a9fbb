"""The command line: `minitx demo` and `minitx train` run experiments, `minitx detect` finds digits in a picture,
`minitx lab` opens the lecture notebooks, `minitx learn` starts an exercise and `minitx eject` copies a module out.

Wrong use ends with one line on standard error and exit code 2, an interruption with exit code 130.
"""

import argparse
import difflib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import shlex
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

from minitx import __version__
from minitx.data.digit_scenes import DIGIT_WORDS
from minitx.data.image_files import read_image
from minitx.learn.eject import (
    ON_ARRAYS,
    ejectable,
    ejectable_name,
    ejected_source,
    ejected_test,
    headline,
    stem_of,
)
from minitx.learn.exercise_files import exercise_files, exercise_list
from minitx.learn.exercises.catalogue import EXERCISES
from minitx.plot.detection import draw_detections
from minitx.recipes import (
    caption,
    copy_reverse,
    detr,
    detr_ablations,
    detr_shapes,
    gpt,
    masked_words,
    panoptic,
    track,
    translate,
    vit_digits,
    write,
)
from minitx.recipes.detect import detect_digits
from minitx.recipes.detr import load_trained
from minitx.recipes.running import CHECKPOINT_NAME, RecipeError

# Name for `minitx train` -> module whose `run` it calls, and whose docstring's first line describes it.
RECIPES = {
    "copy-reverse": copy_reverse,
    "translate": translate,
    "masked-words": masked_words,
    "gpt": gpt,
    "caption": caption,
    "write": write,
    "detr": detr,
    "detr-shapes": detr_shapes,
    "detr-ablations": detr_ablations,
    "panoptic": panoptic,
    "track": track,
}

DESCRIPTION = "Transformers from scratch in pure NumPy: hand-derived, tested, and fast enough for a laptop."

EXAMPLES = """\
examples:
  minitx demo                   train a Vision Transformer on real digits, in about a minute
  minitx demo --epochs 5        only a taste of it
  minitx train                  list the other experiments
  minitx detect scene.png       find the handwritten digits in a picture
  minitx lab                    step through the lecture notebooks
  minitx learn new rms_norm     start an exercise of the notebooks as a file, with its test
  minitx eject attention        copy a module with all that it needs to one file
  minitx demo --help            the options of one command
"""


class CommandError(Exception):
    """What the user can put right; its text is the one line that is shown."""


class OneLineParser(argparse.ArgumentParser):
    """A parser that answers wrong use with one line instead of the whole usage."""

    def error(self, message):
        """Print `message` and where to read more, and exit with code 2."""
        self.exit(2, f"minitx: {message}; see {self.prog} --help\n")


def whole_number(lowest):
    """Return a converter for `argparse` that accepts whole numbers from `lowest` on.

    Parameters
    ----------
    lowest : int
        The smallest number that is accepted.

    Returns
    -------
    callable
        Turns a string into an int, or raises `argparse.ArgumentTypeError`.

    Examples
    --------
    >>> whole_number(1)("12")
    12
    """

    def convert(text):
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None
        if number < lowest:
            raise argparse.ArgumentTypeError(f"expected {lowest} or more, got {number}")
        return number

    return convert


def writable_folder(path):
    """Create the folder `path` where it is missing and make sure that a file can be written into it.

    Parameters
    ----------
    path : pathlib.Path
        The folder.

    Returns
    -------
    pathlib.Path
        The same path.

    Raises
    ------
    CommandError
        If the folder cannot be made or written to: said before an experiment starts, not after it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise CommandError(f"cannot write to the folder {str(path)!r}: {error.strerror}") from None
    return path


def write_texts(folder, texts, force=False):
    """Write files into a folder, all of them or none; what is interrupted leaves nothing half-written.

    Parameters
    ----------
    folder : pathlib.Path
        Made where it is missing.
    texts : dict of str to str
        Name of a file -> what goes into it.
    force : bool
        Replace files that are there already.

    Returns
    -------
    list of pathlib.Path
        The files, in the same order.

    Raises
    ------
    CommandError
        If a file is there already and `force` is not set, if a folder is in the way, or nothing can be written there.
    """
    folder = writable_folder(folder)
    paths = [folder / file for file in texts]
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            raise CommandError(f"{path} is a folder; move it, or name another place with -o")
    there = [str(path) for path in paths if os.path.lexists(path)]  # a link that leads nowhere, too
    if there and not force:
        raise CommandError(f"{' and '.join(there)} would be overwritten; --force does so, -o names another folder")
    with tempfile.TemporaryDirectory(dir=folder) as unfinished:
        for file, text in texts.items():
            (Path(unfinished) / file).write_text(text, encoding="utf-8", newline="\n")
        for path in paths:
            os.replace(Path(unfinished) / path.name, path)
    return paths


def notebook_folder(working_folder):
    """Find the lecture notebooks, copying them first where minitx was installed without its checkout.

    Parameters
    ----------
    working_folder : pathlib.Path
        Where the folder ``minitx-notebooks`` goes when a copy is needed. Files that are already in it stay untouched.

    Returns
    -------
    pathlib.Path
        The folder to open: ``notebooks`` of the checkout, or the copy.

    Raises
    ------
    CommandError
        If the installation came without notebooks.
    """
    checkout = Path(__file__).parents[1]
    if (checkout / "setup.cfg").is_file():
        return checkout / "notebooks"
    try:
        files = importlib.metadata.files("minitx") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    places = {file.as_posix().partition("share/minitx/notebooks/")[2]: file.locate() for file in files}
    installed = {name: place for name, place in places.items() if name.endswith((".ipynb", ".py"))}
    if not installed:
        raise CommandError(
            "there are no notebooks in this installation; install minitx with pip, or use its git checkout"
        )
    folder = writable_folder(working_folder / "minitx-notebooks")
    for name, original in installed.items():  # the notebooks, and the folder of their solutions
        copy = folder / name
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(original, copy)
    return folder


def demo(arguments):
    """Run `minitx demo`: train the Vision Transformer on the digits and draw what it learned."""
    out = writable_folder(arguments.out)
    os.environ.setdefault("MPLBACKEND", "agg")  # pictures go to files: no window is needed
    vit_digits.run(seed=arguments.seed, epochs=arguments.epochs, out=out, quiet=arguments.quiet)


def recipe_name(text):
    """Return `text` if it names a recipe; for `argparse`.

    Examples
    --------
    >>> recipe_name("no such recipe")
    Traceback (most recent call last):
    ...
    argparse.ArgumentTypeError: there is no experiment 'no such recipe'; `minitx train` lists them
    """
    if text not in RECIPES:
        close = difflib.get_close_matches(text, RECIPES)
        hint = f"did you mean {' or '.join(close)}?" if close else "`minitx train` lists them"
        raise argparse.ArgumentTypeError(f"there is no experiment {text!r}; {hint}")
    return text


def train_recipe(arguments):
    """Run `minitx train NAME`: train one recipe; or `minitx train`: list them all."""
    given = {name: value for name, value in vars(arguments).items() if name in TRAIN_OPTIONS}
    if arguments.recipe is None:
        if given:
            raise CommandError("which experiment? NAME is missing; `minitx train` lists them")
        for name, recipe in RECIPES.items():
            print(f"{name:<14} {recipe.__doc__.partition(chr(10))[0]}")
        return
    recipe = RECIPES[arguments.recipe]
    defaults = {name: parameter.default for name, parameter in inspect.signature(recipe.run).parameters.items()}
    options = defaults | given
    options["out"] = writable_folder(Path(options["out"]))
    os.environ.setdefault("MPLBACKEND", "agg")  # pictures go to files: no window is needed
    saved = options["out"] / getattr(recipe, "RECORDS_NAME", CHECKPOINT_NAME)  # what --resume goes on from
    before = _last_change(saved)
    try:
        recipe.run(**options)
    except RecipeError as error:
        raise CommandError(str(error)) from None
    except KeyboardInterrupt:
        if options["resume"] or _last_change(saved) != before:
            again = ["minitx", "train", arguments.recipe]
            for name, value in (given | {"resume": True}).items():
                again += [f"--{name}"] if value is True else [f"--{name}", str(value)]
            print(f"\nto go on from there: {shlex.join(again)}", file=sys.stderr)
        raise


def _last_change(path):
    """Return when a file was last written, or None where there is none."""
    return path.stat().st_mtime_ns if path.exists() else None


def probability(text):
    """Return `text` as a number from 0 to 1; for `argparse`.

    Examples
    --------
    >>> probability("0.5")
    0.5
    """
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}") from None
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}")
    return number


def detect(arguments):
    """Run `minitx detect`: tell which digits are in a picture and where, and draw them."""
    out = arguments.out or Path(f"{arguments.image.stem}-detected.png")
    if out.resolve() == arguments.image.resolve():
        raise CommandError(f"--out {str(out)!r} is the picture itself, which would be lost; name another file")
    if out.suffix.lower() not in PICTURE_ENDINGS:
        raise CommandError(f"--out {str(out)!r} has to end in {' or '.join(PICTURE_ENDINGS)}")
    try:
        image, model = read_image(arguments.image), load_trained()
    except (OSError, ValueError) as error:
        raise OSError(" ".join(str(error).splitlines())) from None
    writable_folder(out.parent)
    os.environ.setdefault("MPLBACKEND", "agg")
    found, steps = detect_digits(model, image, arguments.threshold)
    _, height, width = image.shape
    print("; ".join([f"{arguments.image}: {width} x {height} pixels", *steps]))
    for label, digit_score, (x0, y0, x1, y1) in zip(found["labels"], found["scores"], found["boxes"]):
        place = f"x {x0:.1f} to {x1:.1f}, y {y0:.1f} to {y1:.1f}"
        print(f"{DIGIT_WORDS[label]:<6} {100 * digit_score:5.1f} %   {place}")
    if not len(found["labels"]):
        print(f"no digit with a probability of {arguments.threshold:g} or more; --threshold asks for less")
    draw_detections(image[None], [found], [str(digit) for digit in range(10)]).savefig(out)
    print(f"written: {out}")


def lab(arguments):
    """Run `minitx lab`: open the notebooks in JupyterLab, which asks the web for nothing unless its user chose to."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise CommandError('JupyterLab is not installed; install it with: pip install "minitx[lab]"')
    from jupyterlab.labapp import LabApp

    folder = notebook_folder(Path.cwd())
    print(f"opening the notebooks in {folder}; stop with ctrl-C")
    with tempfile.TemporaryDirectory() as settings:
        defaults = Path(settings, "labconfig", "default_setting_overrides.json")
        defaults.parent.mkdir()
        defaults.write_text(json.dumps({NOTIFICATIONS: {"fetchNews": "false", "checkForUpdates": False}}))
        others = filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])
        os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join([settings, *others])
        LabApp.launch_instance([str(folder), *arguments.passed_on])


def exercise_name(text):
    """Return `text` if it names an exercise; for `argparse`.

    Examples
    --------
    >>> exercise_name("rms_nrom")
    Traceback (most recent call last):
    ...
    argparse.ArgumentTypeError: there is no exercise 'rms_nrom'; did you mean rms_norm?
    """
    if text not in EXERCISES:
        close = difflib.get_close_matches(text, EXERCISES)
        hint = f"did you mean {' or '.join(close)}?" if close else "`minitx learn` lists them"
        raise argparse.ArgumentTypeError(f"there is no exercise {text!r}; {hint}")
    return text


def learn(arguments):
    """Run `minitx learn`: list the exercises; or `minitx learn new NAME`: write one as a file, with its test."""
    if arguments.action is None:
        print(exercise_list(shutil.get_terminal_size().columns))
        print("\nTo start one as a file, with its test: minitx learn new NAME")
        return
    stub, test = write_texts(arguments.out, exercise_files(EXERCISES[arguments.exercise]), arguments.force)
    print(f"written: {stub} and {test}\nnext: fill in {stub.name}, then run: pytest {test}")


def eject(arguments):
    """Run `minitx eject NAME`: copy a module to one file; or `minitx eject --list`: list what can be taken."""
    if arguments.listed:
        width = shutil.get_terminal_size().columns
        for name in ejectable():
            start = f"{name:<27} {ejected_source(name).count(chr(10)):>5,} lines  "
            print(start + textwrap.shorten(headline(name), max(width - len(start), 20), placeholder=" ..."))
        return
    if arguments.module is None:
        raise CommandError("which module? NAME is missing; `minitx eject --list` lists them")
    try:
        name = ejectable_name(arguments.module)
    except LookupError as error:
        raise CommandError(str(error)) from None
    texts = {f"{stem_of(name)}.py": ejected_source(name)}
    if arguments.with_test:
        texts[f"test_{stem_of(name)}.py"] = ejected_test(name)
    for path in write_texts(arguments.out, texts, arguments.force):
        print(f"written: {path} ({texts[path.name].count(chr(10)):,} lines)")


NOTIFICATIONS = "@jupyterlab/apputils-extension:notification"  # what asks for news, and the web for newer versions
PICTURE_ENDINGS = (".png", ".pdf", ".svg")
TRAIN_OPTIONS = ("seed", "epochs", "out", "resume", "quiet")


def build_parser():
    """Build the parser of the whole command line.

    Returns
    -------
    argparse.ArgumentParser
        One subparser for each command; `command` holds the function that runs it.
    """
    parser = OneLineParser(
        prog="minitx",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"minitx {__version__}", help="print the version and exit"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="name", required=True)
    for add_command in (_add_demo, _add_train, _add_detect, _add_lab, _add_learn, _add_eject):
        add_command(commands)
    return parser


def _add_demo(commands):
    demo_parser = commands.add_parser(
        "demo",
        help="train a Vision Transformer on real handwritten digits and draw what it learned",
        description="Train a Vision Transformer on real handwritten digits, tell how many it reads right that it has "
        "never seen, and write its weights and pictures of what it learned.",
        allow_abbrev=False,
    )
    demo_parser.add_argument(
        "--seed", type=whole_number(0), metavar="N", help="seed of all random draws (default: %(default)s)"
    )
    demo_parser.add_argument(
        "--epochs", type=whole_number(1), metavar="N", help="passes over the training images (default: %(default)s)"
    )
    demo_parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the weights and pictures (default: %(default)s)"
    )
    demo_parser.add_argument("--quiet", action="store_true", help="print no progress")
    recipe = inspect.signature(vit_digits.run).parameters
    demo_parser.set_defaults(command=demo, **{name: parameter.default for name, parameter in recipe.items()})


def _add_train(commands):
    train_parser = commands.add_parser(
        "train",
        help="train one of the other experiments; without a name, list them",
        description="Train one experiment, tell how well it does on what it has never seen, and write its weights and "
        "pictures of what it learned. Without NAME, list the experiments. After each epoch all is saved, so that "
        "training that was stopped can go on with --resume.",
        argument_default=argparse.SUPPRESS,  # what is not given is the recipe's own default
        allow_abbrev=False,
    )
    train_parser.add_argument(
        "recipe", type=recipe_name, nargs="?", default=None, metavar="NAME", help="which experiment"
    )
    train_parser.add_argument("--seed", type=whole_number(0), metavar="N", help="seed of all random draws (default: 0)")
    train_parser.add_argument(
        "--epochs", type=whole_number(1), metavar="N", help="passes over the training data (default: as many as needed)"
    )
    train_parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the weights and pictures (default: minitx-NAME)"
    )
    train_parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in that folder")
    train_parser.add_argument("--quiet", action="store_true", help="print no progress")
    train_parser.set_defaults(command=train_recipe)


def _add_detect(commands):
    detect_parser = commands.add_parser(
        "detect",
        help="find the handwritten digits in a picture",
        description="Find handwritten digits in a picture with the DETR that comes with minitx: print the class, "
        "probability and box of each, and write the picture with the boxes. It learned dark digits of 8 to 14 pixels "
        "on light paper of 32 x 32 pixels; other pictures are fitted to that, and what was done is told.",
        allow_abbrev=False,
    )
    detect_parser.add_argument(
        "image", type=Path, metavar="IMAGE", help="a PNG, or an array that numpy.save wrote to a file .npy"
    )
    detect_parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write the picture (default: IMAGE-detected.png, here)"
    )
    detect_parser.add_argument(
        "--threshold",
        type=probability,
        default=0.5,
        metavar="P",
        help="probability that a digit needs, 0 to 1 (default: %(default)s)",
    )
    detect_parser.set_defaults(command=detect)


def _add_lab(commands):
    lab_parser = commands.add_parser(
        "lab",
        help="open the lecture notebooks in JupyterLab",
        description="Open the lecture notebooks in JupyterLab. An installation outside the checkout copies them to "
        "minitx-notebooks/ in the working folder first and never overwrites a file there. Further options, such as "
        "--no-browser or --port=9999, are JupyterLab's.",
        allow_abbrev=False,
    )
    lab_parser.set_defaults(command=lab)


def _add_learn(commands):
    learn_parser = commands.add_parser(
        "learn",
        help="list the exercises of the notebooks, or start one as a file",
        usage="minitx learn [-h] [new NAME]",
        description="List the exercises of the notebooks. With `new NAME`, write one as NAME.py, a stub with a hint, "
        "and test_NAME.py, which pytest runs and which says what went wrong.",
        allow_abbrev=False,
    )
    learn_parser.set_defaults(command=learn)
    actions = learn_parser.add_subparsers(title="to start one", metavar="new NAME", dest="action", prog="minitx learn")
    new_parser = actions.add_parser(
        "new",
        help="write the stub of an exercise and its test",
        description="Write NAME.py, the stub of an exercise with its hint, and test_NAME.py, its test for pytest.",
        allow_abbrev=False,
    )
    new_parser.add_argument("exercise", type=exercise_name, metavar="NAME", help="which; `minitx learn` lists them")
    new_parser.add_argument(
        "-o", "--out", type=Path, default=Path("."), metavar="DIR", help="folder to write to (default: here)"
    )
    new_parser.add_argument("--force", action="store_true", help="overwrite files that are there already")


def _add_eject(commands):
    eject_parser = commands.add_parser(
        "eject",
        help="copy a module with all that it needs to one file, for NumPy alone",
        description="Copy a module with all that it uses to a single file that needs NumPy and nothing else: something "
        "to read, to change and to hand in. Run the file, and it checks its gradients. The shortest is "
        f"{ON_ARRAYS}: forward and pullback without the engine.",
        allow_abbrev=False,
    )
    eject_parser.add_argument("module", nargs="?", metavar="NAME", help="which; `minitx eject --list` lists them")
    eject_parser.add_argument(
        "-o", "--out", type=Path, default=Path("."), metavar="DIR", help="folder to write to (default: here)"
    )
    eject_parser.add_argument("--with-test", action="store_true", help="write its test too, for pytest")
    eject_parser.add_argument("--force", action="store_true", help="overwrite files that are there already")
    eject_parser.add_argument(
        "--list", action="store_true", dest="listed", help="list what can be taken, with the lines of each file"
    )
    eject_parser.set_defaults(command=eject)


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        The words after ``minitx``; those of the process by default.

    Returns
    -------
    int
        The exit code: 0 done, 1 a file could not be read or written, 2 wrong use, 130 interrupted.
    """
    parser = build_parser()
    parsed, unknown = parser.parse_known_args(arguments)
    parsed.passed_on = [word for word in unknown if parsed.command is lab and word.startswith("--")]
    if unknown != parsed.passed_on:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        parsed.command(parsed)
    except CommandError as error:
        print(f"minitx: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"minitx: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nminitx: interrupted", file=sys.stderr)
        return 130
    return 0
