"""Large problems, in tables that drive tests and benchmarks.

`CUTE` has problems of the CUTE collection and its like, with f* where it is known. `REAL` has fits,
restorations and optimal control, from data that a seed determines; `PUBLIC` has fits to data sets
of scikit-learn. For all of them, f and the gradient cost a time proportional to the data.
"""

from .large_chains import CHAINS
from .large_data import CONTROL, LEARNING, PUBLIC
from .large_dixmaan import DIXMAAN
from .large_images import IMAGES
from .large_sums import SUMS
from .large_valleys import VALLEYS

__all__ = ["CUTE", "PUBLIC", "REAL"]

CUTE = sorted([*SUMS, *CHAINS, *VALLEYS, *DIXMAAN], key=lambda row: row.name)
REAL = [*IMAGES, *LEARNING, *CONTROL]
