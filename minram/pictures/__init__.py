"""What is drawn.

style    colours by role, fonts, sizes
plots    each function draws one thing: a path, a retina, a belief, a policy
figures  the figures of a run, made of those
show     a run's pictures, still and moving, written into a folder
"""
