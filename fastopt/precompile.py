"""Compile the library's loops ahead of time: ``python -m fastopt.precompile --help``."""

import argparse
import inspect
import sys
import types

from fastopt.api import precompile_loops


def main(arguments=None):
    """Call `precompile` with the arguments of a command line; return the exit status."""
    head = (inspect.getdoc(precompile_loops.precompile) or "").partition("\n")[0]
    parser = argparse.ArgumentParser("python -m fastopt.precompile", description=head)
    defaults = inspect.signature(precompile_loops.precompile).parameters
    words = {
        "methods": None,
        "dtypes": precompile_loops.DTYPES,
        "learning-rates": precompile_loops.RATES,
    }
    words |= {"gradients": precompile_loops.GRADIENTS, "tasks": precompile_loops.TASKS}
    for name, known in words.items():
        default = defaults[name.replace("-", "_")].default
        default = default if isinstance(default, str) else " ".join(default)
        listed = f"of {', '.join(known)}" if known else "names of methods, or all"
        parser.add_argument(f"--{name}", nargs="+", help=f"{listed} (default: {default})")
    parser.add_argument("--sizes", nargs="+", type=int, help="numbers of parameters (default: all)")
    parser.add_argument(
        "--bounds", choices=["yes", "no", "both"], default="both", help="(default: both)"
    )
    parser.add_argument("--shared", action="store_true", help="let other users read the files")
    parser.add_argument("--quiet", action="store_true", help="show nothing")
    given = vars(parser.parse_args(arguments))
    given["disp"] = not given.pop("quiet")
    given["bounds"] = {"yes": [True], "no": [False], "both": [False, True]}[given["bounds"]]
    given = {name: value for name, value in given.items() if value is not None}
    if given.get("methods") == ["all"]:
        given["methods"] = "all"
    try:
        precompile_loops.precompile(**given)
    except (ValueError, TypeError, RuntimeError) as error:
        print(f"fastopt.precompile: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; what was compiled is kept.", file=sys.stderr)
        return 130
    return 0


class Callable(types.ModuleType):
    """A module that can be called like the function of the same name, which it shadows."""

    def __call__(self, *args, **kwargs):
        return precompile_loops.precompile(*args, **kwargs)


if __name__ == "__main__":
    sys.exit(main())
sys.modules[__name__].__class__ = Callable
