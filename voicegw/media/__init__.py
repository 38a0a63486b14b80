"""One media stream as a machine: what comes in with `now`, what is to be done out. Knows no loop, clock or vendor."""
