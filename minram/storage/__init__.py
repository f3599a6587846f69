"""Files that last: written whole or not at all, and read without trust.

files       reading .npz and IDX files that may be damaged or hostile, writing such that a crash damages nothing
checkpoint  everything that a resumed run needs, in one file
"""
