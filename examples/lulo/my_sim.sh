#!/bin/bash
# A forward model of your own, to take the place of ours in the loop:
#
#     [recon.forward]
#     command = ["./my_sim.sh", "{input}", "{output}"]
#     timeout = 600
#     retries = 1
#
# It is given a universe with white noise (/ic) and the whole configuration, and leaves one with /halos. This one calls
# our own programs, and gives the same bits as they do inside the loop; put any other in their place.
set -euo pipefail
lss-ic "$1" --quiet | lss-sim --quiet | lss-halo --quiet -o "$2"
