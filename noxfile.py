"""Sessions that check a change, each in its own environment.

Usage::

    pip install nox
    nox                        # lint, types and the whole suite on this Python
    nox -s tests               # the whole suite on every Python found
    nox -s tests cpu -- quick  # a selection that finds most version faults, 2 minutes a Python
    nox -s tests -- tests/api/test_minimize.py    # arguments of pytest are passed on
    nox --list                 # all sessions

Missing Pythons are listed as skipped. With `--no-venv`, sessions run in the present environment,
which must have `pip install -e '.[test]'`.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import nox

ROOT = pathlib.Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
EXTRAS = PROJECT["optional-dependencies"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
FOR_QUICK = ["pytest", "hypothesis"]
# A selection that imports everything, compiles every kind of code, and loads some from the cache.
# Missing or read-only home folders depend on the operating system only, so they are left out. Two
# pages use what README uses, and kernels of other rules have no other syntax. README's code, which
# compiles the loops, runs with the lowest and with the highest versions. On the Pythons between
# them, with the highest versions, kernels are compiled.
README = "tests/project/test_readme.py"
KERNELS = "tests/optimizers/test_kernels.py"
ENVIRONMENTS = ["tests/project/test_bad_environments.py"]
HIGHEST = [README, *ENVIRONMENTS]
LOWEST = [f"{README}::test_code_runs", KERNELS, *ENVIRONMENTS]
BETWEEN = [KERNELS]
# On the newest Python the session `cpu` runs the other tests.
NOT_QUICK = ["-k", "not home and not own-loop and not save-and-resume and not adam and not nadam"]
# CUDA kernels of each kind that are compiled: a version breaks all or none.
ONE_RULE = "rmsprop-v-mean-buffer-float32 or several-adadelta"
PICTURES = ["growth_curves", "pharmacokinetics", "lifetime_image", "rosenbrock_paths", "classify"]
PICTURES += ["denoise", "spectrum_cube", "heating", "gaussian_process", "network", "recommend"]
TORCH = "torch==2.13.0"  # the release whose conventions `style="torch"` follows

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", f"tests-{PYTHONS[0]}"]


def path_of_pythons():
    """Return PATH with pyenv's Pythons that are not activated, and without pyenv's shims.

    The shim of a Python that is not activated has its name, but only prints an error.
    """
    root = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    folders = os.environ["PATH"].split(os.pathsep)
    folders = [f for f in folders if not (f.endswith("shims") and "pyenv" in f)]
    return os.pathsep.join([*folders, *map(str, sorted(root.glob("versions/3.*/bin")))])


def works(version):
    """Return True if there is a Python of this version."""
    found = shutil.which(f"python{version}")
    return found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0


os.environ["PATH"] = path_of_pythons()
NEWEST = next(filter(works, reversed(PYTHONS)), PYTHONS[0])


def install(session, *what):
    """Install into the session's environment; with `--no-venv`, do nothing."""
    if not isinstance(session.virtualenv, nox.virtualenv.PassthroughEnv):
        session.install(*what)


def here(session, *extras):
    """Return what makes this checkout importable: itself, or with `-- quick` what it needs.

    Building it for each session would take half as long as installing NumPy, SciPy and Numba. The
    whole suite installs it from the checkout, and the session `wheel` from a wheel.
    """
    if session.posargs != ["quick"]:
        return ["-e", f".[{','.join(extras)}]" if extras else "."]
    session.env["PYTHONPATH"] = str(ROOT)
    return [*PROJECT["dependencies"], *(name for extra in extras for name in EXTRAS[extra])]


def without_cuda(session):
    """Return the packages for tests on the CPU: CUDA's packages must not restrict versions."""
    if session.posargs == ["quick"]:
        return FOR_QUICK
    no = r"numba-cuda|numpy|nvidia|pyright|ruff"
    return ["--prefer-binary", *(name for name in EXTRAS["test"] if not re.match(no, name))]


def check(session):
    """Run the whole suite, the given tests, or the short selection."""
    session.run("python", "-W", "error", "-c", "import fastopt; fastopt.show_config()")
    if session.posargs != ["quick"]:
        session.run("python", "-m", "pytest", *session.posargs)
        return
    newest = session.name == f"tests-{NEWEST}"
    between = ENVIRONMENTS if newest else BETWEEN
    quick = {"cpu": HIGHEST, "newest": HIGHEST, "oldest": LOWEST}.get(session.name, between)
    session.run("python", "-m", "pytest", "-o", "addopts=", "-q", "-rs", *quick, *NOT_QUICK)
    if not newest:
        session.log(f"CUDA's compiler is tested by tests-{NEWEST} and by the whole suite")
    elif "numba-cuda" in session.run("python", "-m", "pip", "list", silent=True):
        lane(session, "cuda_compile", "tests/cuda_compile/test_cubin.py", "-k", ONE_RULE)
    else:
        session.log("without numba-cuda: CUDA's compiler is not tested here")


@nox.session
def thorough(session):
    """Run all tests, also those for which CI has no time: half an hour on two cores."""
    install(session, "-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs, env={"FASTOPT_THOROUGH": "1"})


def lane(session, name, *tests):
    """Run tests that need their own process."""
    env = {"FASTOPT_LANE": name}
    if name == "cuda_simulator":
        env["NUMBA_ENABLE_CUDASIM"] = "1"
    session.run("python", "-m", "pytest", "-o", "addopts=", "-q", "-rs", *tests, env=env)


@nox.session
def lint(session):
    """Check style and format."""
    install(session, "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session):
    """Check types."""
    install(session, "-e", ".[test]", "nox")
    session.run("pyright")


@nox.session(python=PYTHONS)
def tests(session):
    """Run the whole suite, CUDA's packages included."""
    if session.posargs != ["quick"]:
        install(session, *here(session, "test"))
    elif session.name == f"tests-{NEWEST}":
        install(session, *here(session, "cuda"), "nvidia-cuda-nvcc", *FOR_QUICK)
    else:
        install(session, *here(session), *FOR_QUICK)
    check(session)


@nox.session(python=PYTHONS[0])
def oldest(session):
    """Run the suite with the lowest versions that pyproject.toml allows, on the CPU."""
    lowest = [name.replace(">=", "==") for name in PROJECT["dependencies"]]
    install(session, *here(session), *lowest, *without_cuda(session))
    check(session)


@nox.session(python=NEWEST)
def cpu(session):
    """Run the suite with the newest NumPy, SciPy and Numba, without CUDA's packages."""
    install(session, *here(session), *without_cuda(session))
    check(session)


def to_come(session):
    """Return the versions that pip would install if pre-releases were allowed."""
    report = pathlib.Path(session.create_tmp(), "report.json")
    how = ["--dry-run", "--ignore-installed", "--no-deps", "--pre", "--quiet", "--report", report]
    names = ["numba", "numpy", "scipy"]
    session.run("python", "-m", "pip", "install", *how, *names)
    found = json.loads(report.read_text())["install"]
    return [each["metadata"]["version"] for each in found]


@nox.session(python=NEWEST)
def newest(session):
    """Run the suite with pre-releases; a failure is a warning, and the session passes."""
    try:
        if not any(re.search("[a-z]", version) for version in to_come(session)):
            session.skip("there is none of Numba, NumPy or SciPy: see the session cpu")
        install(session, *without_cuda(session))
        install(session, "--pre", "--upgrade", "-e", ".", "numba", "numpy", "scipy")
        check(session)
    except nox.command.CommandFailed as error:
        session.warn(f"ALLOWED TO FAIL: with releases to come, {error}")


@nox.session
def cuda(session):
    """Run CUDA code in the simulator, and compile it for real GPUs."""
    install(session, "-e", ".[test]")
    for name in ("cuda_simulator", "cuda_compile"):
        lane(session, name, f"tests/{name}")


@nox.session
def torch(session):
    """Run PyTorch's tests, separately: it needs other CUDA packages than numba-cuda."""
    what = [*here(session), TORCH, "pytest", "hypothesis"]
    if session.posargs == ["quick"]:  # without a cached copy the download is slow
        command = [shutil.which("python", path=session.bin), "-m", "pip", "install", "-q", *what]
        try:
            subprocess.run(command, check=True, timeout=240, stdin=subprocess.DEVNULL)
        except subprocess.SubprocessError as error:
            session.skip(f"PyTorch's tests did not run, since it was not installed: {error}")
    else:
        install(session, *what)
    session.run("python", "-m", "pytest", "-o", "addopts=", "-q", "tests/optimizers/test_torch.py")


@nox.session
def wheel(session):
    """Build sdist and wheel, and run the README's quickstart with the wheel only."""
    session.install("build[virtualenv]")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--outdir", folder, str(ROOT))
        (built,) = pathlib.Path(folder).glob("*.whl")
        session.run("python", "-m", "virtualenv", "--quiet", f"{folder}/empty")
        inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        python = str(pathlib.Path(folder, "empty", inside))
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        quickstart = re.search(r"## Quickstart\n\n```python\n(.*?)```", text, re.DOTALL)
        pathlib.Path(folder, "quickstart.py").write_text(quickstart[1], encoding="utf-8")
        session.chdir(folder)
        for command in (["pip", "install", "-q", str(built)], ["pip", "check"]):
            session.run(python, "-m", *command, external=True)
        env = {"PYTHONPATH": None}
        out = session.run(python, "quickstart.py", external=True, silent=True, env=env)
        if "[2.5 1.3 0.5]" not in out:
            session.error(f"the quickstart printed {out!r}")
        session.log(out.strip())


@nox.session
def docs(session):
    """Build the documentation site in docs/_build/html, and check its links and its looks.

    The build runs the code of the pages, and the examples at brief sizes. With ``-- full`` the
    examples have their own sizes, which takes some minutes. With ``-- quick`` nothing runs, since
    the suite runs the same code. FASTOPT_SCREENSHOTS names a folder for pictures of pages, which
    are taken if there is Chromium.
    """
    install(session, *here(session, "docs"))
    site = ROOT / "docs" / "_build" / "html"
    for made in (site, ROOT / "docs" / "gallery", ROOT / "docs" / "pictures"):
        shutil.rmtree(made, ignore_errors=True)
    quick = session.posargs == ["quick"]
    env = {"FASTOPT_DOCS": "pages" if quick else " ".join(session.posargs)}
    build = ["-b", "html", "-W", "--keep-going", "-d", str(ROOT / "docs" / "_build" / "doctrees")]
    session.run("python", "-m", "sphinx", *build, str(ROOT / "docs"), str(site), env=env)
    env["FASTOPT_SITE"] = str(site)
    test = ["-o", "addopts=", "-q", "-rs", "--noconftest", "tests/project/test_site.py"]
    session.run("python", "-m", "pytest", *test, env=env)
    session.log(f"the site is {site / 'index.html'}")


@nox.session
def asv(session):
    """Check that asv finds the benchmarks, and run a few of them once."""
    install(session, "-e", ".[test]")
    few = (
        "^sweeps.TrackCall.*'rmsprop', 'float32'|^startup.TrackSeconds.*'import'"
        "|^memory.TrackImport"
    )
    session.chdir("benchmarks")
    session.run("asv", "machine", "--yes", silent=True)
    session.run("asv", "check", "--python=same")
    once = ["--quick", "--dry-run", "--show-stderr"]
    session.run("asv", "run", "--python=same", *once, "--bench", few)


@nox.session
def pictures(session):
    """Draw the pictures of README and pages again, in examples/figures (about ten minutes)."""
    install(session, "-e", ".[test]")
    for name in PICTURES:
        session.run("python", f"examples/{name}.py", "--output", "examples/figures")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "benchmarks.quality", "--write", folder)
        shutil.copy(pathlib.Path(folder, "profiles.png"), ROOT / "examples" / "figures")
