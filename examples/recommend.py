"""Opinions that nobody gave
==========================

Usage::

    python recommend.py                      # the picture goes to examples/pictures
    python recommend.py --output pictures
    python recommend.py --ratings u.data     # another table: user, item and rating in each line

829 people said how they like 14 characters of Star Wars, from 1 to 5 (FiveThirtyEight's survey of
2014). A fifth of the opinions is held out. A rating is explained as a mean, plus a number for the
person and one for the character, plus the product of a few factors of both (Koren, Bell and
Volinsky 2009). Sizes of these are penalised at each rating. How much depends on the table and on
the number of factors: a fifth of the ratings to learn from decides between four penalties.

Each person and each character has a row of numbers. A mini-batch of ratings has gradients for few
of these rows: ``step_rows`` changes these alone, and adds up the gradients of a row that occurs
twice. The rule is AdaGrad with one accumulator a row.

The script prints errors on held-out ratings, beside those of the numbers without factors, and draws
``recommend.png``. It needs matplotlib. MovieLens's tables are read too, as ``u.data`` or as
``ml-100k.inter``, which the package recbole brings: 943 people and 1,682 films.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fastopt

HERE = Path(__file__).resolve().parent
RATE, EPOCHS = 0.1, 40
PENALTIES = 0.04, 0.08, 0.12, 0.18  # between these, held-out errors change by few percent
SHRINKAGE = 5.0  # ratings of the mean that a baseline adds to those of a person or a character


def load(path=None):
    """Return (people, items, ratings), all of the same length, and the names of the items."""
    if path is None:
        text = (HERE / "data" / "star_wars.csv").read_text(encoding="utf-8")
        names, *rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
        table = np.array([[float(cell or "nan") for cell in row] for row in rows])
        people, items = np.nonzero(np.isfinite(table))
        return (people, items, table[people, items]), names
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row and row[0].isdigit()]  # not the header
    people, items = (np.unique([row[k] for row in rows], return_inverse=True)[1] for k in (0, 1))
    return (people, items, np.array([float(row[2]) for row in rows])), None


def split(ratings, seed=0):
    """Return ratings to learn from, and a fifth of them, held out."""
    order = np.random.default_rng(seed).permutation(len(ratings[0]))
    test, train = np.split(order, [len(order) // 5])
    return tuple(part[train] for part in ratings), tuple(part[test] for part in ratings)


def error(found, wanted):
    """Return the root mean square of the difference."""
    return np.sqrt(np.mean((found - wanted) ** 2))


def baseline(train, sizes, rounds=10):
    """Return a mean, and the numbers of people and of items, in turn."""
    people, items, ratings = train
    mean, of_items = ratings.mean(), np.zeros(sizes[1])

    def shrunk(rest, places, size):
        counts = np.bincount(places, minlength=size) + SHRINKAGE
        return np.bincount(places, rest, size) / counts

    for _ in range(rounds):
        of_people = shrunk(ratings - mean - of_items[items], people, sizes[0])
        of_items = shrunk(ratings - mean - of_people[people], items, sizes[1])
    return mean, of_people, of_items


def predict(model, people, items):
    """Return ratings; the last column of each table is the number of the person or the item."""
    mean, left, right = model
    p, q = left[people], right[items]
    return mean + np.sum(p[:, :-1] * q[:, :-1], axis=1) + p[:, -1] + q[:, -1]


def learn(train, sizes, rank, decay, epochs=EPOCHS, batch=128, seed=0):
    """Yield the model after each epoch."""
    rng = np.random.default_rng(seed)
    model = train[2].mean(), *(0.1 * rng.normal(size=(size, rank + 1)) for size in sizes)
    for table in model[1:]:
        table[:, -1] = 0.0
    rules = [fastopt.AdaGrad(RATE, row_wise=True) for _ in sizes]
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(train[0])), len(train[0]) // batch):
            people, items, ratings = (part[rows] for part in train)
            r = (predict(model, people, items) - ratings)[:, None]
            p, q = model[1][people], model[2][items]
            to_p, to_q = q.copy(), p.copy()
            to_p[:, -1] = to_q[:, -1] = 1.0
            rules[0].step_rows(model[1], people, r * to_p + decay * p)
            rules[1].step_rows(model[2], items, r * to_q + decay * q)
        yield model


def best_penalty(train, sizes, rank, epochs=EPOCHS):
    """Return the penalty with the least error on a fifth of the ratings to learn from."""
    inner, validation = split(train, seed=1)

    def last_error(decay):
        *_, model = learn(inner, sizes, rank, decay, epochs)
        return error(predict(model, *validation[:2]), validation[2])

    return min(PENALTIES, key=last_error)


def report(ratings, rank, decay=None, epochs=EPOCHS):
    """Print the errors on held-out ratings; return them after each epoch, and the model."""
    train, test = split(ratings)
    sizes = tuple(int(part.max()) + 1 for part in ratings[:2])
    decay = best_penalty(train, sizes, rank, epochs) if decay is None else decay
    print(f"{len(ratings[0]):,} ratings of {sizes[1]:,} items by {sizes[0]:,} people")
    mean, of_people, of_items = baseline(train, sizes)
    without = error(mean + of_people[test[0]] + of_items[test[1]], test[2])
    begin, errors = time.perf_counter(), []
    for model in learn(train, sizes, rank, decay, epochs):
        errors.append(error(predict(model, *test[:2]), test[2]))
    seconds = time.perf_counter() - begin
    print("error of held-out ratings (root mean square)")
    print(f"  {'the mean':32}{error(mean, test[2]):8.4f}")
    print(f"  {'one number for each':32}{without:8.4f}")
    print(f"  {f'with {rank} factors, penalty {decay:g}':32}{errors[-1]:8.4f}   {seconds:.1f} s")
    return model, errors, without


def write_names(ax, places, names):
    """Write a name at the right of each point; those of a crowd form a column, with lines."""
    width, height = np.ptp(places, axis=0)
    written = []
    for k in np.argsort(places[:, 1]):
        x, y = places[k]
        for left, below in written:
            if abs(left - x) < 0.3 * width and y < below + 0.045 * height:
                x, y = max(x, left), below + 0.045 * height
        written.append((x, y))
        line = {"arrowstyle": "-", "color": "0.6", "lw": 0.6} if y > places[k, 1] else None
        at = x + 0.03 * width, y
        ax.annotate(names[k], places[k], at, fontsize=8, va="center", arrowprops=line)


def draw(model, errors, without, names):
    """Draw the errors over the epochs, and the items by the two directions that vary most."""
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    axes[0].plot(np.arange(1, len(errors) + 1), errors, color="#D55E00", label="with factors")
    axes[0].axhline(without, color="#555555", ls=":", label="one number for each")
    axes[0].set(xlabel="epoch", ylabel="error of held-out ratings")
    axes[0].legend(frameon=False)
    factors = model[2][:, :-1] - model[2][:, :-1].mean(axis=0)
    # Factors are known up to a rotation: show those of the largest part of the ratings.
    _, _, ways = np.linalg.svd(model[1][:, :-1] @ factors.T, full_matrices=False)
    places = ways[:2].T
    axes[1].scatter(*places.T, s=40 if names else 6, color="#0072B2")
    if names:
        write_names(axes[1], places, names)
    axes[1].set(title="who is liked by the same people")
    axes[1].set_axis_off()
    axes[1].margins(x=0.2)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return fig


def main():
    """Learn, print the errors, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    parser.add_argument("--ratings", type=Path, help="another table")
    parser.add_argument("--rank", type=int, default=3, help="factors")
    parser.add_argument("--decay", type=float, help="the penalty; it is found if not given")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    plt.switch_backend("Agg")
    ratings, names = load(options.ratings)
    found = report(ratings, options.rank, options.decay, options.epochs)
    options.output.mkdir(parents=True, exist_ok=True)
    draw(*found, names).savefig(options.output / "recommend.png", dpi=90)


if __name__ == "__main__":
    main()
