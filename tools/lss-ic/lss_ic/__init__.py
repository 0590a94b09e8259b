"""lss-ic: initial conditions, from white noise to displaced particles."""
