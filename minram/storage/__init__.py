"""Files that last: written whole or not at all, and read without trust.

writing     files that are whole or as they were before, whatever happens
reading     .npz and IDX files that may be damaged or hostile
checkpoint  everything that a resumed run needs, in one file
"""
