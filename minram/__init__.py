"""The recurrent attention model in NumPy, with every derivative written out and checked."""

__version__ = "0.1.0"
