"""Networks on periodic fields, and the files that hold them."""

import os

# On some processors the small convolutions of torch go to MKL, whose sums otherwise depend on the number of threads.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
