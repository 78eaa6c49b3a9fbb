"""One trial for every module that can be copied out: what it is tried on, in the library and in the copy."""
