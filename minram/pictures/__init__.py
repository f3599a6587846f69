"""What is drawn.

style        colours by role, fonts, sizes
retina       where the retina's squares are, and what they saw, as images
plots        each function draws one thing: a path, a retina, a belief, a policy
figures      whole figures, made of those
look         what an agent did with one image, as a record that draws itself
movie        paths, retina and beliefs, glimpse by glimpse, as GIF and as a page
page         pages to touch, one HTML file each, of templates and scripts such as those in web/
agent_page   the page of an agent
confusion    which classes are taken for which
show         a run's pictures, still and moving, written into a folder
convergence  how errors of differences shrink with the step
"""
