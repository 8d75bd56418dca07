#!/usr/bin/env bash
# The tests of the loops with NEON, on an emulated 64-bit ARM machine: a quarter of an hour. As root on Debian 12, with Python 3.11:
#   apt-get install g++-aarch64-linux-gnu qemu-user ninja-build cmake && pip install nanobind
#   bash tests/kernels/on_arm.sh
# An ARM Python is unpacked into a folder of its own; nothing of it is installed.
set -euo pipefail
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=${1:-$(mktemp -d)}
mkdir -p "$work"/{lists/partial,cache,machine,wheels,site}
cd "$work"
apt=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null)
apt-get "${apt[@]}" -qq update
apt-get "${apt[@]}" -qq download python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libstdc++6 libgcc-s1 zlib1g libexpat1 \
    libssl3 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1
for package in *.deb; do dpkg -x "$package" machine; done
python3 -m pip download --quiet --no-deps --only-binary :all: --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 \
    --python-version 3.11 --constraint "$root/constraints.txt" --dest wheels \
    numpy safetensors pytest pytest-timeout hypothesis iniconfig pluggy pygments packaging sortedcontainers
for wheel in wheels/*.whl; do python3 -m zipfile -e "$wheel" site; done
cp -r "$root"/{src,tests,pyproject.toml} .
rm -f src/bptt/kernels/*.so
cmake -S "$root" -B build -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
    -DPython_EXECUTABLE="$(command -v python3)" \
    -DPython_INCLUDE_DIR="$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')" -DNB_SUFFIX=.cpython-311-aarch64-linux-gnu.so
cmake --build build
cp build/*.so src/bptt/kernels/
# The vectors of variable length that NumPy's BLAS would take on the emulated processor give it wrong products: NEON's do not.
env -u LD_PRELOAD OPENBLAS_CORETYPE=ARMV8 PYTHONPATH="$work/site:$work/src:$work" qemu-aarch64 -L machine machine/usr/bin/python3.11 -S -m pytest \
    -q -p no:cacheprovider --timeout 1800 tests/kernels/test_math.py tests/kernels/test_loops.py tests/kernels/test_pool.py \
    tests/kernels/test_whole_layer.py
