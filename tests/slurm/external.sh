#!/bin/bash
# A forward model that takes its time without using any, as a program that waits for other nodes would.
set -euo pipefail
sleep "${PAUSE:-0}"
lss-sim "$1" --quiet | lss-halo --quiet -o "$2"
