"""Import modules and call their `run`, counting what Numba compiles meanwhile.

    python counted.py FOLDER[,FOLDER...] MODULE...

A module is imported anew from each folder. Prints JSON: for each folder, module -> [what run()
returned, Numba's compiler passes], and the warnings that were given.
"""

import importlib
import json
import sys
import warnings

from numba.core import event


class Counter(event.Listener):
    passes = 0

    def on_start(self, event):
        Counter.passes += 1

    def on_end(self, event):
        pass


def run(name):
    before = Counter.passes
    answer = importlib.import_module(name).run()
    return answer, Counter.passes - before


def main(folders, modules):
    event.register("numba:run_pass", Counter())
    own, results = set(sys.modules), []
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        for folder in folders.split(","):
            sys.path.insert(0, folder)
            results.append({name: run(name) for name in modules})
            sys.path.remove(folder)
            for name, module in list(sys.modules.items()):
                if name not in own and (getattr(module, "__file__", "") or "").startswith(folder):
                    del sys.modules[name]
    print(json.dumps({"results": results, "warnings": [str(w.message) for w in given]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
