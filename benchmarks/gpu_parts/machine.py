"""The machine of a report: device, driver, versions, processors."""

import os
import platform
import subprocess
from importlib import metadata

import numba

PACKAGES = ("numpy", "scipy", "numba", "numba-cuda", "cuda-core", "torch", "jax", "optax", "cupy")


def versions():
    """Return the versions of the installed packages."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
        return names[0] if names else platform.processor()
    except OSError:
        return platform.processor()


def run(lines, how):
    """Print one line with everything; the parent process has checked that a device is there."""
    from numba import cuda

    import fastopt
    from fastopt.targets.cuda import cuda_target

    found = {
        "fastopt": fastopt.__version__,
        "python": platform.python_version(),
        **versions(),
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)),
        "threads": numba.get_num_threads(),
        "simulated": cuda_target.simulated(),
    }
    if cuda_target.simulated():
        lines.line(machine={"device": "simulator", **found})
        return
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    found["device"] = name
    with lines.attempt("the device's properties"):
        memory = cuda.current_context().get_memory_info()
        found |= {
            "capability": list(device.compute_capability),
            "multiprocessors": int(device.MULTIPROCESSOR_COUNT),
            "clock (MHz)": int(device.CLOCK_RATE) // 1000,
            "memory (GB)": round(memory[1] / 1e9, 1),
            "free (GB)": round(memory[0] / 1e9, 1),
        }
    with lines.attempt("the driver's version"):
        from cuda.bindings import driver

        _, version = driver.cuDriverGetVersion()
        found["driver"] = f"CUDA {version // 1000}.{version % 1000 // 10}"
    with lines.attempt("the driver's version from nvidia-smi"):
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        found["driver"] = f"{said.stdout.split()[0]}, {found.get('driver', '')}"
    with lines.attempt("the runtime's version"):
        found["runtime"] = ".".join(map(str, cuda.runtime.get_version()))
    lines.line(machine=found)
