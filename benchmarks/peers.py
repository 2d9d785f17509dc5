"""Our time over each peer's, and over the limit: the same work, in turn, each in its own process.

`contests/works.py` lists the works; their files define the contestants.
`python -m benchmarks.report` runs all of them at length. The results of all contestants are
compared first. Peers that are not installed are n/a: `pip install '.[peers]'`, or set
FASTOPT_PEERS_PYTHON to a Python that has them.
"""

import statistics

from .contests import contest
from .contests.works import WORKS
from .helpers import limits

ROUNDS = 5
PAIRS = {
    f"{work.name}: {name}": (work, name)
    for work in WORKS.values()
    for name in ["limit"] * bool(work.limit) + [e.name for e in work.entries[1:]]
    if not name.startswith("fastopt")
}


class TrackPeers:
    """Our time over the peer's: the median of the ratios of several rounds."""

    params = tuple(PAIRS)
    param_names = ("work: peer",)
    unit = "times the peer's"
    timeout = 600

    def setup(self, pair):
        work, name = PAIRS[pair]
        if name == "limit":
            limits.needed()
        ours = work.entries[0].name
        figures = contest.hold(work, (ours, name), ROUNDS, 0.1)
        if figures[name].reason:
            raise NotImplementedError(figures[name].reason)
        self.ratio = statistics.median(figures[ours].over(figures[name]))

    def track_over_peer(self, pair):
        return self.ratio
