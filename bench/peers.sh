#!/bin/sh
# Other people's codes that the benchmarks compare with, in an environment of their own (default: build/peers).
# Pylians is built from source: a C compiler is needed, and about five minutes.
set -eu
cd "$(dirname "$0")/.."
environment="${1:-build/peers}"
[ -x "$environment/bin/python" ] || "${PYTHON:-python3}" -m venv "$environment"
"$environment/bin/python" -c "import Pk_library" 2>/dev/null || {
    "$environment/bin/pip" install --quiet "numpy>=2" cython setuptools wheel
    "$environment/bin/pip" install --quiet "Pylians==0.12"
}
# yt and pynbody, with which universe files are read back, want other versions of what Pylians needs.
readers="$environment-readers"
[ -x "$readers/bin/python" ] || "${PYTHON:-python3}" -m venv "$readers"
"$readers/bin/python" -c "import yt, pynbody" 2>/dev/null || "$readers/bin/pip" install --quiet yt pynbody
"$environment/bin/python" -c "import Pk_library; print('Pylians is ready in $environment')"
