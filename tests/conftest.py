from hypothesis import settings

# The same examples on every run and machine; no deadline, because machines differ.
settings.register_profile("minram", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("minram")
