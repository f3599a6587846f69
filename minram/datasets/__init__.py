"""Images and labels, and the tasks that are made of them.

data     labelled images, split into training, validation and test: the embedded MNIST, or your own
sources  what people have, as arrays: .npz and IDX files, folders of pictures
names    what names of arrays, files and folders mean
folders  a folder of pictures for each class
formats  images of every kind as bytes, or floats in [0, 1]
labels   labels of every kind as numbers from 0, with their names
image    one image, from an array, a picture's path or a Pillow image
adapt    a picture from elsewhere as the training images are
tasks    an image at a random place of a larger canvas, among pieces of others
"""
