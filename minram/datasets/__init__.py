"""Images and labels, and the tasks that are made of them.

data   labelled images, split into training, validation and test: the embedded MNIST, or your own
image  one image, from an array, a picture's path or a Pillow image
tasks  an image at a random place of a larger canvas, among pieces of others
"""
